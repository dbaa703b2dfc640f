import type { Knex } from 'knex'
import { afterWithdrawals, type WithdrawalRow } from '../../apps-registry/withdrawals.ts'
import { locked, type Tx } from '../../db/connect.ts'
import type { Mode } from '../base/mode.ts'
import type { ExpiryReason, FrozenBy, KeyStatus, Rotation } from './key-states.ts'
import { SETTLEMENT_COLUMNS, type SettlementRow, settledState, settlementOf } from './settlement.ts'

export type Key = {
  id: string
  kind: 'managed' | 'restricted'
  accountId: string
  installationId: string | null
  appId: string | null
  mode: Mode
  name: string
  redacted: string
  permissions: string[]
  status: KeyStatus
  /** The deadline. */
  expiresAt: number | null
  expiredAt: number | null
  expiredBecause: ExpiryReason | null
  createdAt: number
  /** When the platform acknowledged it. */
  deliveredAt: number | null
  /** When it outlived its installation. */
  keptAt: number | null
  replaces: string | null
  rotation: Rotation | null
  /** Planned end of a key that is being replaced, and how long its overlap is; it counts once the new key has arrived. */
  overlapUntil: number | null
  overlapMs: number | null
  note: string | null
  frozenAt: number | null
  /** A frozen key counts as expired from then on. */
  freezeUntil: number | null
  frozenBy: FrozenBy | null
  /** Where it may be used from; absent: anywhere. */
  addresses: string[] | null
  /** The member who made a restricted key. */
  createdBy: string | null
  lastUsedAt: number | null
}

export type KeyRow = {
  id: string
  kind: Key['kind']
  account_id: string
  installation_id: string | null
  app_id: string | null
  mode: Mode
  name: string
  redacted: string
  permissions: string
  status: KeyStatus
  expires_at: number | null
  expired_at: number | null
  expired_because: ExpiryReason | null
  created_at: number
  delivered_at: number | null
  kept_at: number | null
  replaces: string | null
  rotation: Rotation | null
  overlap_until: number | null
  overlap_ms: number | null
  note: string | null
  frozen_at: number | null
  freeze_until: number | null
  frozen_by: FrozenBy | null
  addresses: string | null
  created_by: string | null
  last_used_at: number | null
}

/** A key's row, with what the uninstallation of its installation and its app say where its own row does not say so yet. */
export type KeyRead = KeyRow & SettlementRow & WithdrawalRow

const WITHDRAWALS = `(select withdrawals from apps where apps.id = keys.app_id) as withdrawals`
const CONSENTED_VERSION = `(select version from installations as consented
  where consented.id = keys.installation_id and consented.uninstalled_at is null) as consented_version`

/** Keys as they are since their installation ended or its app asked for less, whether their own rows say so already or not. */
export function readKeys(tx: Tx): Knex.QueryBuilder {
  return tx('keys')
    .leftJoin('installations as ending', join =>
      join.on('ending.id', 'keys.installation_id').andOnNotNull('ending.settle_keys'),
    )
    .select('keys.*', ...SETTLEMENT_COLUMNS.map(column => `ending.${column}`))
    .select(tx.raw(WITHDRAWALS), tx.raw(CONSENTED_VERSION))
}

export function toKey(row: KeyRead): Key {
  const key = asStored(row)
  const settlement = settlementOf(row)
  if (settlement) return { ...key, ...settledState(key, settlement) }
  const { permissions, emptiedAt } = afterWithdrawals(key.permissions, row)
  if (emptiedAt === undefined || key.status === 'expired') return { ...key, permissions }
  return { ...key, permissions, status: 'expired', expiredAt: emptiedAt, expiredBecause: 'permissions_removed' }
}

/** A key as its own row says. */
export const asStored = (row: KeyRow): Key => ({
  id: row.id,
  kind: row.kind,
  accountId: row.account_id,
  installationId: row.installation_id,
  appId: row.app_id,
  mode: row.mode,
  name: row.name,
  redacted: row.redacted,
  permissions: JSON.parse(row.permissions),
  status: row.status,
  expiresAt: row.expires_at,
  expiredAt: row.expired_at,
  expiredBecause: row.expired_because,
  createdAt: row.created_at,
  deliveredAt: row.delivered_at,
  keptAt: row.kept_at,
  replaces: row.replaces,
  rotation: row.rotation,
  overlapUntil: row.overlap_until,
  overlapMs: row.overlap_ms,
  note: row.note,
  frozenAt: row.frozen_at,
  freezeUntil: row.freeze_until,
  frozenBy: row.frozen_by,
  addresses: row.addresses === null ? null : JSON.parse(row.addresses),
  createdBy: row.created_by,
  lastUsedAt: row.last_used_at,
})

/** False where another press of the same form has made a key already; the index decides, however many are at once. */
export async function insertKey(tx: Tx, key: Key, hash: string, formHash: string | null = null): Promise<boolean> {
  const row = {
    id: key.id,
    kind: key.kind,
    account_id: key.accountId,
    installation_id: key.installationId,
    app_id: key.appId,
    mode: key.mode,
    name: key.name,
    hash,
    redacted: key.redacted,
    permissions: JSON.stringify(key.permissions),
    status: key.status,
    expires_at: key.expiresAt,
    created_at: key.createdAt,
    replaces: key.replaces,
    note: key.note,
    addresses: key.addresses && JSON.stringify(key.addresses),
    created_by: key.createdBy,
    form_hash: formHash,
  }
  const inserted: unknown[] = await tx('keys')
    .insert(row)
    .onConflict(['account_id', 'form_hash'])
    .ignore()
    .returning('id')
  return inserted.length === 1
}

export async function findKeyRow(tx: Tx, id: string): Promise<Key | undefined> {
  const row: KeyRead | undefined = await readKeys(tx).where('keys.id', id).first()
  return row && toKey(row)
}

/** Locks the row until the transaction ends: what is decided about a key meanwhile is decided once. */
export async function lockKeyRow(tx: Tx, id: string): Promise<Key | undefined> {
  const held: unknown = await locked(tx('keys').where({ id })).first('id')
  return held ? await findKeyRow(tx, id) : undefined
}

/** The key that a form has made, with its hash. */
export async function findKeyOfForm(
  tx: Tx,
  accountId: string,
  formHash: string,
): Promise<{ key: Key; hash: string } | undefined> {
  const row: (KeyRead & { hash: string }) | undefined = await readKeys(tx)
    .where({ 'keys.account_id': accountId, form_hash: formHash })
    .first()
  return row && { key: toKey(row), hash: row.hash }
}
