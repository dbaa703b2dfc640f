import { type AppStatus, stopsKeys } from '../../apps-registry/app-states.ts'
import { afterWithdrawals, type WithdrawalRow } from '../../apps-registry/withdrawals.ts'
import type { Tx } from '../../db/connect.ts'
import { createAllowedRule } from '../base/addresses.ts'
import type { KeyRecord } from './judge-key.ts'
import { asStored, type KeyRow } from './key-store.ts'
import { SETTLEMENT_COLUMNS, type SettlementRow, settledState, settlementOf } from './settlement.ts'

/** Reads in one query exactly what verification needs: whole processes cache these records. */
export async function findKeyByHash(tx: Tx, hash: string): Promise<KeyRecord | undefined> {
  type Joined = KeyRow &
    SettlementRow &
    WithdrawalRow & { by_account: number | null; by_operator: number | null; app_status: AppStatus | null }
  const row: Joined | undefined = await tx('keys')
    .leftJoin('installations', 'installations.id', 'keys.installation_id')
    .leftJoin('apps', 'apps.id', 'keys.app_id')
    .where('keys.hash', hash)
    .first(
      ...RECORD.map(column => `keys.${column}`),
      'installations.suspended_by_account_at as by_account',
      'installations.suspended_by_operator_at as by_operator',
      'apps.status as app_status',
      'apps.withdrawals',
      'installations.version as consented_version',
      ...SETTLEMENT_COLUMNS.map(column => `installations.${column}`),
    )
  if (!row) return undefined
  const settlement = row.settle_keys ? settlementOf(row) : undefined
  const settled = settlement && settledState(asStored(row), settlement)
  const stored: string[] = JSON.parse(row.permissions)
  const { permissions, emptiedAt } =
    row.uninstalled_at === null ? afterWithdrawals(stored, row) : { permissions: stored } // kept keys do not change any more
  return {
    id: row.id,
    kind: row.kind,
    accountId: row.account_id,
    installationId: row.installation_id,
    appId: row.app_id,
    mode: row.mode,
    permissions,
    status: emptiedAt === undefined ? (settled?.status ?? row.status) : 'expired',
    expiresAt: settled ? settled.expiresAt : row.expires_at,
    frozen: row.frozen_at !== null,
    freezeUntil: row.freeze_until,
    suspended:
      row.by_account !== null || row.by_operator !== null || (row.app_status !== null && stopsKeys(row.app_status)),
    allows: row.addresses === null ? null : createAllowedRule(JSON.parse(row.addresses)),
  }
}

const RECORD = [
  'id',
  'kind',
  'account_id',
  'installation_id',
  'app_id',
  'mode',
  'permissions',
  'status',
  'expires_at',
  'frozen_at',
  'freeze_until',
  'addresses',
  'kept_at',
  'delivered_at',
] as const
