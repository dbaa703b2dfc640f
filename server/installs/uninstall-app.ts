import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import type { ActorOnAccount } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { isoTime } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { cancelPendingKeys } from '../deliveries/cancel-deliveries.ts'
import type { EventDetails } from '../deliveries/event.ts'
import { countWorkingKeys, summarizeKeys } from '../keys/count-keys.ts'
import { type KeyOutcome, listOutcomes } from '../keys/settle-keys.ts'
import { KEY_REASONS, type KeyChoice } from '../keys/settlement.ts'
import { revokeGrants } from '../oauth/grants.ts'
import { leaveRest } from './batch-jobs.ts'
import { expireKeysOfBefore } from './expire-keys-of-before.ts'
import type { Installation, UninstallReason } from './installation.ts'
import { endInstallation } from './installation-store.ts'
import { lockInstallation } from './lock-installation.ts'
import { settleInstallation } from './settle-installation.ts'
import { takeWithdrawn } from './take-withdrawn.ts'
import { tellPlatform } from './tell-platform.ts'

export type UninstallApp = {
  installationId: string
  keys: KeyChoice
  reason: UninstallReason
  actor: ActorOnAccount
}

/** The most keys in one event; the API lists the others. */
const MOST_TOLD = 100

/**
 * Uninstalls an app. Its keys expire now, stay active, or stay active until a date, as the account chose; undelivered keys
 * always expire. The installation's row decides for all keys at once; the rows of the keys are updated in batches, the first of
 * them here. Grants and tokens are revoked. A second click changes nothing.
 */
export async function uninstallApp(
  tx: Tx,
  caps: Caps & { publicUrl: string },
  command: UninstallApp,
): Promise<{ installation: Installation; ended: boolean }> {
  const at = caps.clock.now()
  const { reason } = command
  const installation = await lockInstallation(tx, command.installationId)
  if (!installation) throw new AppError('object.not_found')
  const { actor } = command
  if (actor.type === 'user') {
    if (installation.accountId !== actor.accountId) throw new AppError('object.not_found')
    await requireAbility(tx, actor.id, installation.accountId, 'uninstall', installation.mode)
  }
  const withdrawn = await takeWithdrawn(tx, caps, installation, command.actor)
  const { total, delivered } =
    command.keys.answer === 'expire'
      ? { total: await countWorkingKeys(tx, installation.id, at), delivered: 0 }
      : await summarizeKeys(tx, installation.id, at)
  const settlement = { choice: command.keys, because: KEY_REASONS[reason], at }
  const outcomes = await listOutcomes(tx, installation.id, settlement, MOST_TOLD)
  if (!(await endInstallation(tx, installation.id, { reason, keys: command.keys, at })))
    return { installation, ended: false }
  const app = await findApp(tx, installation.appId)
  if (!app) throw new Error(`app ${installation.appId} is missing`)

  await cancelPendingKeys(tx, installation.id, at)
  await leaveRest(tx, caps, { kind: 'settle_keys', subject: installation.id, data: {} }, position =>
    settleInstallation(tx, installation.id, position),
  )
  await revokeGrants(tx, installation.id)
  await expireKeysOfBefore(tx, caps, installation.id)
  const keys = keysTold(caps.publicUrl, installation.id, outcomes, total)
  await tellPlatform(tx, caps, app, installation, [{ type: 'installation.uninstalled', details: { ...keys, reason } }])
  const expired = total - delivered
  const data = { app: app.id, reason, expired, kept: total - expired }
  await recordActivity(
    tx,
    caps,
    [installation.accountId, app.platform.accountId],
    [...withdrawn, { actor: command.actor, what: 'installation.uninstalled', object: installation.id, at, data }],
  )
  return { installation: { ...installation, status: 'uninstalled', uninstalledAt: at }, ended: true }
}

/** The newest keys with their outcome, and where the API lists the others. */
function keysTold(
  publicUrl: string,
  installationId: string,
  outcomes: readonly KeyOutcome[],
  total: number,
): Pick<EventDetails, 'keys' | 'keys_total' | 'keys_url'> {
  const keys = outcomes.map(({ key, outcome, expiresAt }) => ({
    id: key.id,
    outcome,
    expires_at: expiresAt === null ? null : isoTime(expiresAt),
  }))
  if (total <= keys.length) return { keys }
  const rest = new URLSearchParams({ limit: String(MOST_TOLD), cursor: keys.at(-1)?.id ?? '' })
  return { keys, keys_total: total, keys_url: `${publicUrl}/v1/installations/${installationId}/keys?${rest}` }
}
