import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import type { Actor, Member } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { cancelKeyDelivery } from '../deliveries/cancel-deliveries.ts'
import { keyExpiredNews, tellKeyNews, tellPlatform } from '../installs/tell-platform.ts'
import { markExpired } from '../keys/expire-keys.ts'
import type { Key } from '../keys/find-keys.ts'
import { type ExpiryReason, stateVersionOf, statusAt } from '../keys/key-states.ts'
import { abandonOverlaps } from '../keys/overlap.ts'
import { lockForMember, lockKeyAndInstallation } from './lock-key.ts'

export type ExpireKey = {
  keyId: string
  /** The version of the key on the page; absent: its current one. */
  seen?: string | undefined
  actor: Member
}

/**
 * *Expire* by a member, of either kind of key. Throws `object.not_found` for a stranger's key, `access.role`, and
 * `key.changed` if the key has changed since the page was opened.
 */
export async function expireKeyForMember(
  tx: Tx,
  caps: Caps,
  command: ExpireKey,
): Promise<{ key: Key; expired: boolean }> {
  const { key } = await lockForMember(tx, command)
  return { key, expired: await expireKey(tx, caps, key, 'by_account', command.actor, command.seen) }
}

/**
 * Expires one key now, notifies its platform, and logs it on both sides; false, without a change, if it had expired. If it
 * was to replace another key and had not arrived, that one stays active, as after a failed delivery, and the platform is
 * notified. An installation that waited only for this key becomes active once its platform has acknowledged that.
 */
export async function expireKey(
  tx: Tx,
  caps: Caps,
  known: Key,
  because: ExpiryReason,
  actor: Actor,
  seen?: string,
): Promise<boolean> {
  const at = caps.clock.now()
  const { key, installation } = await lockKeyAndInstallation(tx, known)
  if (statusAt(key, at) === 'expired') return false
  if (seen !== undefined && seen !== stateVersionOf(key)) throw new AppError('key.changed')
  if (!(await markExpired(tx, key.id, because, at))) return false
  await cancelKeyDelivery(tx, key.id, at)
  const app = installation && (await findApp(tx, installation.appId))
  if (installation && app) await tellPlatform(tx, caps, app, installation, [keyExpiredNews(key, at)])
  for (const goesOn of await abandonOverlaps(tx, [key], at))
    await tellKeyNews(tx, caps, goesOn, installation, 'rotation_abandoned')
  const accounts = app ? [key.accountId, app.platform.accountId] : [key.accountId]
  await recordActivity(tx, caps, accounts, [
    { actor, what: 'key.expired', object: key.id, app: app?.id, at, data: { name: key.name } },
  ])
  return true
}
