import { type App, findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import type { Actor, Member } from '../audit/actor.ts'
import { type Act, recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { cancelExpiredKeys } from '../deliveries/cancel-deliveries.ts'
import { removePermissions } from '../keys/remove-permissions.ts'
import { narrowInstallationGrants } from '../oauth/narrow-grants.ts'
import { leaveRest } from './batch-jobs.ts'
import type { Installation } from './installation.ts'
import { findStoredPermissions, setInstallationPermissions } from './installation-store.ts'
import { lockInstallation } from './lock-installation.ts'
import { type ToldExpired, tellExpired } from './tell-expired.ts'
import { tellPlatform } from './tell-platform.ts'
import { findUnusedPermissions } from './unused-permissions.ts'

export type NarrowInstallation = {
  installationId: string
  /** Permissions to remove; the page showed them as unused. */
  permissions: readonly string[]
  actor: Member
}

/**
 * Removes unused permissions from an installation, its keys and its grants; a key without remaining permissions expires. The
 * platform is notified, and gets them back only with a new consent. If one was used since the page was opened, nothing changes
 * and `inUse` names it. A second click changes nothing.
 */
export async function narrowInstallation(
  tx: Tx,
  caps: Caps,
  command: NarrowInstallation,
): Promise<{ removed: string[]; inUse: string[] }> {
  const at = caps.clock.now()
  const installation = await lockInstallation(tx, command.installationId)
  if (!installation || installation.accountId !== command.actor.accountId) throw new AppError('object.not_found')
  await requireAbility(tx, command.actor.id, installation.accountId, 'uninstall', installation.mode)
  const app = await findApp(tx, installation.appId)
  if (!app) throw new AppError('object.not_found')
  if (installation.status === 'uninstalled') throw new AppError('installation.not_active')
  const asked = installation.permissions.filter(name => command.permissions.includes(name))
  if (asked.length === 0) return { removed: [], inUse: [] }
  const unused = await findUnusedPermissions(tx, installation, at)
  const inUse = asked.filter(name => !unused.known || !unused.permissions.includes(name))
  if (inUse.length > 0) return { removed: [], inUse }

  const acts =
    (await takePermissions(tx, caps, app, installation.id, { removed: asked, actor: command.actor, at })) ?? []
  const data = { app: app.id, removed: asked }
  const updated = { actor: command.actor, what: 'installation.updated', object: installation.id, at, data }
  await recordActivity(tx, caps, [installation.accountId, app.platform.accountId], [updated, ...acts])
  await narrowInstallationGrants(tx, caps, installation.id, asked)
  return { removed: asked, inUse: [] }
}

/**
 * Removes permissions from one installation and its current keys and notifies its platform. Keys without remaining permissions
 * expire as of `at`, possibly in the past. Returns the log entry of the first expired key, or undefined if the installation had
 * none of the permissions.
 */
export async function takePermissions(
  tx: Tx,
  caps: Caps,
  app: App,
  installationId: Installation['id'],
  { removed, actor, at }: { removed: readonly string[]; actor: Actor; at: number },
): Promise<Act[] | undefined> {
  const installation = await lockInstallation(tx, installationId)
  if (!installation || installation.status === 'uninstalled') return undefined
  const stored = await findStoredPermissions(tx, installation.id)
  const permissions = stored.filter(name => !removed.includes(name))
  if (permissions.length === stored.length) return undefined
  await setInstallationPermissions(tx, installation.id, permissions)
  const expired = await removePermissions(tx, installation.id, removed, at)
  const left = permissions.filter(name => installation.permissions.includes(name))
  await tellPlatform(tx, caps, app, installation, [{ type: 'installation.updated', details: { permissions: left } }])
  if (expired === 0) return []
  await cancelExpiredKeys(tx, installation.id, caps.clock.now())
  const told: ToldExpired = { installationId: installation.id, which: 'own', because: 'permissions_removed', at, actor }
  const acts: Act[] = []
  await leaveRest(tx, caps, { kind: 'tell_expired', subject: installation.id, data: told }, position =>
    tellExpired(tx, caps, told, position, acts),
  )
  return acts
}
