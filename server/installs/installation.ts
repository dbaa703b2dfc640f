import { afterWithdrawals } from '../../apps-registry/withdrawals.ts'
import type { Mode } from '../base/mode.ts'
import type { InstallationStatus, StoredStatus, SuspendedBy } from './installation-states.ts'

export type Installation = {
  id: string
  appId: string
  accountId: string
  mode: Mode
  status: InstallationStatus
  /** Who has suspended it; it is suspended while this is not empty. */
  suspendedBy: SuspendedBy[]
  generation: number
  /** The version of the manifest that was consented to. */
  version: number
  permissions: string[]
  installedBy: string
  createdAt: number
  /** When the platform had acknowledged every key; null if there was nothing to acknowledge. */
  activatedAt: number | null
  uninstalledAt: number | null
  uninstallReason: UninstallReason | null
}

export type UninstallReason = 'account' | 'platform' | 'operator' | 'app_retired'

/** A row with its app's pending withdrawals. */
export type InstallationRow = {
  id: string
  app_id: string
  account_id: string
  mode: Mode
  status: StoredStatus
  generation: number
  version: number
  permissions: string
  installed_by: string
  created_at: number
  activated_at: number | null
  uninstalled_at: number | null
  uninstall_reason: UninstallReason | null
  suspended_by_account_at: number | null
  suspended_by_operator_at: number | null
  suspended_by_operator_who: 'platform' | 'operator' | null
  withdrawals: string | null
}

/** The permissions after the app's withdrawals, whether or not the row has been updated. */
function permissionsOf({ permissions, withdrawals, version, uninstalled_at }: InstallationRow): string[] {
  const consented_version = uninstalled_at === null ? version : null
  return afterWithdrawals(JSON.parse(permissions), { withdrawals, consented_version }).permissions
}

/** An installation from its row. */
export function toInstallation(row: InstallationRow): Installation {
  const suspendedBy: SuspendedBy[] = row.suspended_by_account_at === null ? [] : ['account']
  if (row.suspended_by_operator_at !== null) suspendedBy.push(row.suspended_by_operator_who ?? 'operator')
  return {
    id: row.id,
    appId: row.app_id,
    accountId: row.account_id,
    mode: row.mode,
    status: suspendedBy.length > 0 && row.status === 'active' ? 'suspended' : row.status,
    suspendedBy,
    generation: row.generation,
    version: row.version,
    permissions: permissionsOf(row),
    installedBy: row.installed_by,
    createdAt: row.created_at,
    activatedAt: row.activated_at,
    uninstalledAt: row.uninstalled_at,
    uninstallReason: row.uninstall_reason,
  }
}

/** An app, an account and a mode; it has at most one installation that is not uninstalled. */
export type InstallTarget = { appId: string; accountId: string; mode: Mode }

export const targetColumns = (target: InstallTarget) => ({
  app_id: target.appId,
  account_id: target.accountId,
  mode: target.mode,
})

export type NewInstallation = Omit<
  Installation,
  'activatedAt' | 'uninstalledAt' | 'uninstallReason' | 'status' | 'suspendedBy'
> & {
  status: StoredStatus
}
