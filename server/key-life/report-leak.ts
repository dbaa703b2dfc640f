import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { writeToMembers } from '../accounts/write-to-members.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import { hashSecret } from '../base/secret-format.ts'
import type { Key } from '../keys/find-keys.ts'
import { setFrozen } from '../keys/freeze-key.ts'
import { findUnendedKey } from '../keys/verify-key.ts'
import { leakLetter, platformLeakLetter } from './letters.ts'
import { lockKeyAndInstallation } from './lock-key.ts'
import { type ReplaceCaps, replaceLeakedKey } from './replace-leaked-keys.ts'

/**
 * A token was found in public. If it is a working key, it is frozen at once; a managed key is then rotated without overlap,
 * so that its platform receives a new key without anybody's help. Other tokens change nothing.
 */
export async function reportLeak(caps: ReplaceCaps, token: string, ip: string): Promise<void> {
  const actor: Actor = { type: 'system', id: 'leak-report', ip }
  const key = await caps.database.transaction(tx => freezeLeaked(tx, caps, hashSecret(token), actor))
  if (key) await replaceLeakedKey(caps, key, actor)
}

/** Freezes the key with this hash and notifies both sides; returns the key unless it was already frozen by a report. */
export async function freezeLeaked(tx: Tx, caps: ReplaceCaps, hash: string, actor: Actor): Promise<Key | undefined> {
  const at = caps.clock.now()
  const found = await findUnendedKey(tx, hash, at)
  if (!found) return undefined
  const { key } = await lockKeyAndInstallation(tx, found) // somebody may be unfreezing it at this moment
  if (!(await setFrozen(tx, key.id, { by: 'leak_report', until: null, at }))) return undefined
  const app = key.appId === null ? undefined : await findApp(tx, key.appId)
  const owners = (accountId: string) => ({ accountId, audience: 'owners' }) as const
  await writeToMembers(tx, caps, owners(key.accountId), name => leakLetter(app, key, name, at))
  if (app) await writeToMembers(tx, caps, owners(app.platform.accountId), () => platformLeakLetter(app, key, at))
  const accounts = app ? [key.accountId, app.platform.accountId] : [key.accountId]
  await recordActivity(tx, caps, accounts, [
    { actor, what: 'key.leaked', object: key.id, app: app?.id, at, data: { name: key.name, frozen: true } },
  ])
  return key
}
