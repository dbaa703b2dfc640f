import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import type { ActorOnAccount } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { isoTime } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { tellKeyNews } from '../installs/tell-platform.ts'
import type { Key } from '../keys/find-keys.ts'
import { clearFrozen, setFrozen } from '../keys/freeze-key.ts'
import { statusAt } from '../keys/key-states.ts'
import { lockForActor } from './lock-key.ts'

type Act = { keyId: string; actor: ActorOnAccount }

/**
 * *Freeze*: the key is refused until somebody unfreezes it, and expires once the chosen time has passed. A second click
 * changes nothing. Throws `key.expired`, `access.role` and `object.not_found`.
 */
export async function freezeKey(
  tx: Tx,
  caps: Caps,
  command: Act & { freezeMs: number },
): Promise<{ key: Key; changed: boolean }> {
  const at = caps.clock.now()
  const { key, installation } = await lockForActor(tx, command)
  if (statusAt(key, at) === 'expired') throw new AppError('key.expired')
  const until = at + command.freezeMs
  if (!(await setFrozen(tx, key.id, { by: 'account', until, at }))) return { key, changed: false }
  const accounts = await tellKeyNews(tx, caps, { ...key, freezeUntil: until }, installation, 'key_frozen')
  const data = { name: key.name, until: isoTime(until) }
  await recordActivity(tx, caps, accounts, [
    { actor: command.actor, what: 'key.frozen', object: key.id, app: key.appId ?? undefined, at, data },
  ])
  return { key, changed: true }
}

/**
 * *Unfreeze*: the same key works again. A leaked key is unfrozen only by an owner or admin who confirms that they know
 * about the leak; throws `key.leaked` otherwise. Throws `key.expired`, `access.role` and `object.not_found`.
 */
export async function unfreezeKey(
  tx: Tx,
  caps: Caps,
  command: Act & { knowsOfLeak: boolean },
): Promise<{ key: Key; changed: boolean }> {
  const at = caps.clock.now()
  const { key, installation } = await lockForActor(tx, command)
  if (statusAt(key, at) === 'expired') throw new AppError('key.expired')
  const leaked = key.frozenBy === 'leak_report'
  if (leaked) {
    if (command.actor.type === 'user') await requireAbility(tx, command.actor.id, key.accountId, 'manage_keys')
    if (!command.knowsOfLeak) throw new AppError('key.leaked')
  }
  if (!(await clearFrozen(tx, key.id, at))) return { key, changed: false }
  const accounts = await tellKeyNews(tx, caps, { ...key, freezeUntil: null }, installation, 'key_unfrozen')
  const data = { name: key.name, although_leaked: leaked }
  await recordActivity(tx, caps, accounts, [
    { actor: command.actor, what: 'key.unfrozen', object: key.id, app: key.appId ?? undefined, at, data },
  ])
  return { key, changed: true }
}
