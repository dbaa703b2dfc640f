import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import type { Actor, Member } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { hasWorkingKeys } from '../keys/count-keys.ts'
import type { Installation } from './installation.ts'
import { setSuspended } from './installation-store.ts'
import { lockInstallation } from './lock-installation.ts'
import { tellPlatform } from './tell-platform.ts'

export type SuspendInstallation = { installationId: string; suspended: boolean } & (
  | { by: 'account'; actor: Member }
  /** With `appId`, another app's installation is `object.not_found`. */
  | { by: 'platform' | 'operator'; appId?: string; actor: Actor }
)

/**
 * Sets or clears one of the two flags that suspend an installation's keys; a second click changes nothing. On an uninstalled
 * installation the flags can only be cleared, for its kept keys. Throws `object.not_found`, `access.role`,
 * `installation.suspended_by_operator` and `installation.not_active`.
 */
export async function suspendInstallation(
  tx: Tx,
  caps: Caps,
  command: SuspendInstallation,
): Promise<{ installation: Installation; changed: boolean }> {
  const at = caps.clock.now()
  const member = command.by === 'account' ? command.actor : undefined
  const appId = command.by === 'account' ? undefined : command.appId
  const before = await lockInstallation(tx, command.installationId)
  const foreign = (mine: string | undefined, its: string | undefined) => mine !== undefined && mine !== its
  if (!before || foreign(member?.accountId, before.accountId) || foreign(appId, before.appId))
    throw new AppError('object.not_found', { detail: 'There is no such installation.' })
  if (member) await requireAbility(tx, member.id, before.accountId, 'uninstall', before.mode)
  const over = before.status === 'uninstalled'
  if (over && (command.suspended || !(await hasWorkingKeys(tx, before.id, at))))
    throw new AppError('installation.not_active')
  if (!command.suspended && command.by === 'platform' && before.suspendedBy.includes('operator'))
    throw new AppError('installation.suspended_by_operator', {
      detail: 'Nothing was changed: only the operator can resume what the operator has suspended.',
    })
  if (!(await setSuspended(tx, before.id, command.by, command.suspended ? at : null)))
    return { installation: before, changed: false }
  const installation = await lockInstallation(tx, before.id)
  const app = await findApp(tx, before.appId)
  if (!installation || !app) throw new AppError('object.not_found')
  const what = command.suspended ? 'installation.suspended' : 'installation.resumed'
  if (!over && installation.suspendedBy.length > 0 !== before.suspendedBy.length > 0) {
    await tellPlatform(tx, caps, app, installation, [{ type: what, details: { reason: command.by } }])
  }
  await recordActivity(
    tx,
    caps,
    [before.accountId, app.platform.accountId],
    [{ actor: command.actor, what, object: before.id, app: app.id, at, data: { by: command.by } }],
  )
  return { installation, changed: true }
}
