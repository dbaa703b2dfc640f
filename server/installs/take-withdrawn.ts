import { findApp } from '../../apps-registry/find-app.ts'
import { findWithdrawals } from '../../apps-registry/withdraw-permissions.ts'
import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import type { Act } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import type { Installation } from './installation.ts'
import { takePermissions } from './narrow-installation.ts'

/**
 * Applies pending withdrawals to an installation before something else ends it, so that kept keys have only their remaining
 * permissions. Returns what the log entry contains.
 */
export async function takeWithdrawn(tx: Tx, caps: Caps, installation: Installation, actor: Actor): Promise<Act[]> {
  if (installation.status === 'uninstalled') return []
  const all = await findWithdrawals(tx, installation.appId)
  const later = all.filter(({ version }) => version > installation.version)
  const app = later.length > 0 ? await findApp(tx, installation.appId) : undefined
  if (!app) return []
  const acts: Act[] = []
  for (const { permissions: removed, at } of later)
    acts.push(...((await takePermissions(tx, caps, app, installation.id, { removed, actor, at })) ?? []))
  return acts
}
