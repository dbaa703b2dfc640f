import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import { type Actor, recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { cancelKeyDelivery } from '../deliveries/queue-event.ts'
import { expireKey } from '../keys/expire-keys.ts'
import { findKeyOf, type Key } from '../keys/find-keys.ts'
import { type ExpiryReason, statusAt } from '../keys/key-states.ts'
import { lockInstallation } from './installation-store.ts'
import { keyExpiredNews, tellPlatform } from './tell-platform.ts'

export type ExpireManagedKey = { keyId: string; accountId: string; userId: string; actor: Actor }

/** *Expire* on the account's side. Throws `object.not_found` for a stranger's key and `access.role`. */
export async function expireManagedKey(
  tx: Tx,
  caps: Caps,
  command: ExpireManagedKey,
): Promise<{ key: Key; expired: boolean }> {
  const key = await findKeyOf(tx, command.accountId, command.keyId)
  await requireAbility(tx, command.userId, key.accountId, 'expire_key')
  return { key, expired: await endKey(tx, caps, key, 'by_account', command.actor) }
}

/**
 * Expires one key now, tells its platform, and writes it down for both; false where it had expired, and nothing changes.
 * An installation that waited for this key only is active once its platform has acknowledged that.
 */
export async function endKey(tx: Tx, caps: Caps, key: Key, because: ExpiryReason, actor: Actor): Promise<boolean> {
  const at = caps.clock.now()
  const installation = key.installationId === null ? undefined : await lockInstallation(tx, key.installationId)
  if (statusAt(key, at) === 'expired' || !(await expireKey(tx, key.id, because, at))) return false
  await cancelKeyDelivery(tx, key.id, at)
  const app = installation && (await findApp(tx, installation.appId))
  if (installation && app) await tellPlatform(tx, caps, app, installation, [keyExpiredNews(key, at)])
  const accounts = app ? [key.accountId, app.platform.accountId] : [key.accountId]
  await recordActivity(tx, accounts, [{ actor, what: 'key.expired', object: key.id, at, data: { name: key.name } }])
  return true
}
