import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import { type Actor, recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { isoTime } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { cancelPendingKeys } from '../deliveries/queue-event.ts'
import { expireKeysEndingWith, type KeyChoice, type KeyOutcome, settleKeys } from '../keys/expire-keys.ts'
import type { ExpiryReason } from '../keys/key-states.ts'
import { revokeGrants } from '../oauth/grants.ts'
import { endInstallation, type Installation, lockInstallation, type UninstallReason } from './installation-store.ts'
import { tellOfEnd, tellPlatform } from './tell-platform.ts'

export type UninstallApp = {
  installationId: string
  /** Absent where it is not a member who acts. */
  member?: { userId: string; accountId: string }
  keys: KeyChoice
  reason: UninstallReason
  actor: Actor
}

const KEY_REASONS: Record<UninstallReason, ExpiryReason> = {
  account: 'uninstalled',
  platform: 'uninstalled',
  app_retired: 'app_retired',
}

/**
 * Ends an installation: its keys stop now, live on, or live until a date, as was chosen; keys that were never delivered
 * stop in any case. Its grants and tokens die. A second press finds it ended and changes nothing.
 */
export async function uninstallApp(
  tx: Tx,
  caps: Caps,
  command: UninstallApp,
): Promise<{ installation: Installation; ended: boolean; keys: KeyOutcome[] }> {
  const at = caps.clock.now()
  const installation = await lockInstallation(tx, command.installationId)
  if (!installation) throw new AppError('object.not_found')
  if (command.member) {
    if (installation.accountId !== command.member.accountId) throw new AppError('object.not_found')
    await requireAbility(tx, command.member.userId, installation.accountId, 'uninstall')
  }
  if (!(await endInstallation(tx, installation.id, command.reason, at))) return { installation, ended: false, keys: [] }
  const app = await findApp(tx, installation.appId)
  if (!app) throw new Error(`app ${installation.appId} is missing`)

  await cancelPendingKeys(tx, installation.id, at)
  const keys = await settleKeys(tx, installation.id, command.keys, KEY_REASONS[command.reason], at)
  await revokeGrants(tx, installation.id)
  // Kept keys that were to end once this one had its own: the account has said so, and nobody waits for that any more.
  for (const key of await expireKeysEndingWith(tx, installation.id, at)) await tellOfEnd(tx, caps, key, at)
  const outcomes = keys.map(({ key, outcome, expiresAt }) => ({
    id: key.id,
    outcome,
    expires_at: expiresAt === null ? null : isoTime(expiresAt),
  }))
  await tellPlatform(tx, caps, app, installation, [
    { type: 'installation.uninstalled', details: { keys: outcomes, reason: command.reason } },
  ])
  const counts = {
    expired: keys.filter(key => key.outcome === 'expired').length,
    kept: keys.filter(key => key.outcome === 'kept').length,
  }
  await recordActivity(
    tx,
    caps,
    [installation.accountId, app.platform.accountId],
    [
      {
        actor: command.actor,
        what: 'installation.uninstalled',
        object: installation.id,
        at,
        data: { app: app.id, reason: command.reason, ...counts },
      },
    ],
  )
  return { installation: { ...installation, status: 'uninstalled', uninstalledAt: at }, ended: true, keys }
}
