import { type App, findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import { type Act, type Actor, recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { cancelKeyDelivery } from '../deliveries/queue-event.ts'
import { removePermissions } from '../keys/expire-keys.ts'
import type { Key } from '../keys/find-keys.ts'
import { narrowInstallationGrants } from '../oauth/narrow-grants.ts'
import { type Installation, lockInstallation, setInstallationPermissions } from './installation-store.ts'
import { keyExpiredNews, tellPlatform } from './tell-platform.ts'
import { findUnusedPermissions } from './unused-permissions.ts'

export type NarrowInstallation = {
  installationId: string
  member: { userId: string; accountId: string }
  /** What to take away: permissions that the person saw as unused. */
  permissions: readonly string[]
  actor: Actor
}

/**
 * Takes unused permissions away from an installation, its keys and its grants; a key that is left with none expires. Its
 * platform is told, and gets them back only by asking again. Where one was used since the person looked, nothing is
 * changed and `inUse` names it; a second press finds nothing left to take.
 */
export async function narrowInstallation(
  tx: Tx,
  caps: Caps,
  command: NarrowInstallation,
): Promise<{ removed: string[]; inUse: string[] }> {
  const at = caps.clock.now()
  const installation = await lockInstallation(tx, command.installationId)
  if (!installation || installation.accountId !== command.member.accountId) throw new AppError('object.not_found')
  await requireAbility(tx, command.member.userId, installation.accountId, 'uninstall')
  const app = await findApp(tx, installation.appId)
  if (!app) throw new AppError('object.not_found')
  if (installation.status === 'uninstalled') throw new AppError('installation.not_active')
  const asked = installation.permissions.filter(name => command.permissions.includes(name))
  if (asked.length === 0) return { removed: [], inUse: [] }
  const unused = await findUnusedPermissions(tx, installation, at)
  const inUse = asked.filter(name => !unused.known || !unused.permissions.includes(name))
  if (inUse.length > 0) return { removed: [], inUse }

  const expired = (await takePermissions(tx, caps, app, installation.id, asked)) ?? []
  const updated: Act = {
    ...{ actor: command.actor, what: 'installation.updated', object: installation.id, at },
    data: { app: app.id, removed: asked },
  }
  const acts = expired.map((key): Act => {
    return { actor: command.actor, what: 'key.expired', object: key.id, at, data: { name: key.name } }
  })
  await recordActivity(tx, caps, [installation.accountId, app.platform.accountId], [updated, ...acts])
  await narrowInstallationGrants(tx, caps, installation.id, asked)
  return { removed: asked, inUse: [] }
}

/**
 * Takes permissions away from one installation and its keys, as they are now, and tells its platform; answers the keys
 * that were left with none and expired, or nothing where it had none of the permissions.
 */
export async function takePermissions(
  tx: Tx,
  caps: Pick<Caps, 'clock' | 'ids'>,
  app: App,
  installationId: Installation['id'],
  removed: readonly string[],
): Promise<Key[] | undefined> {
  const at = caps.clock.now()
  const installation = await lockInstallation(tx, installationId)
  if (!installation || installation.status === 'uninstalled') return undefined
  const permissions = installation.permissions.filter(name => !removed.includes(name))
  if (permissions.length === installation.permissions.length) return undefined
  await setInstallationPermissions(tx, installation.id, permissions)
  const expired = await removePermissions(tx, installation.id, removed, at)
  for (const key of expired) await cancelKeyDelivery(tx, key.id, at)
  const ends = expired.map(key => keyExpiredNews(key, at))
  await tellPlatform(tx, caps, app, installation, [{ type: 'installation.updated', details: { permissions } }, ...ends])
  return expired
}
