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
import { type ExpiryReason, faceOf, statusAt } from '../keys/key-states.ts'
import { abandonOverlaps } from '../keys/overlap.ts'
import { lockForMember, lockKeyAndInstallation } from './lock-key.ts'

export type ExpireKey = {
  keyId: string
  /** The key's face on the page that was pressed; absent: whatever it is now. */
  seen?: string | undefined
  actor: Member
}

/**
 * *Expire* on the account's side, of either kind. Throws `object.not_found` for a stranger's key, `access.role`, and
 * `key.changed` where the key is not what the person saw any more.
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
 * Expires one key now, tells its platform, and writes it down for both; false if it had expired, and nothing changes.
 * Where it was to replace another and had not arrived, that one goes on, as if the delivery had failed, and that is told too.
 * An installation that waited for this key only is active once its platform has acknowledged that.
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
  if (seen !== undefined && seen !== faceOf(key)) throw new AppError('key.changed')
  if (!(await markExpired(tx, key.id, because, at))) return false
  await cancelKeyDelivery(tx, key.id, at)
  const app = installation && (await findApp(tx, installation.appId))
  if (installation && app) await tellPlatform(tx, caps, app, installation, [keyExpiredNews(key, at)])
  for (const goesOn of await abandonOverlaps(tx, [key], at))
    await tellKeyNews(tx, caps, goesOn, installation, 'rotation_abandoned')
  const accounts = app ? [key.accountId, app.platform.accountId] : [key.accountId]
  await recordActivity(tx, caps, accounts, [
    { actor, what: 'key.expired', object: key.id, at, data: { name: key.name } },
  ])
  return true
}
