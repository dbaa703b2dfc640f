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
  /** When it was kept after an uninstall. */
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
  /** The allowed addresses; null: any. */
  addresses: string[] | null
  /** The member who made a restricted key. */
  createdBy: string | null
  lastUsedAt: number | null
}

/** The column of each member of a key: rows are typed, read and written by it. */
const COLUMNS = {
  id: 'id',
  kind: 'kind',
  accountId: 'account_id',
  installationId: 'installation_id',
  appId: 'app_id',
  mode: 'mode',
  name: 'name',
  redacted: 'redacted',
  permissions: 'permissions',
  status: 'status',
  expiresAt: 'expires_at',
  expiredAt: 'expired_at',
  expiredBecause: 'expired_because',
  createdAt: 'created_at',
  deliveredAt: 'delivered_at',
  keptAt: 'kept_at',
  replaces: 'replaces',
  rotation: 'rotation',
  overlapUntil: 'overlap_until',
  overlapMs: 'overlap_ms',
  note: 'note',
  frozenAt: 'frozen_at',
  freezeUntil: 'freeze_until',
  frozenBy: 'frozen_by',
  addresses: 'addresses',
  createdBy: 'created_by',
  lastUsedAt: 'last_used_at',
} as const satisfies Record<keyof Key, string>

const MEMBERS = Object.entries(COLUMNS) as [keyof Key, keyof KeyRow][]

type Columns = typeof COLUMNS

/** The members of a key as stored in its row: lists are JSON. */
type Stored = {
  [Member in keyof Key]: Key[Member] extends string[] | null ? string | Extract<Key[Member], null> : Key[Member]
}

export type KeyRow = { [Member in keyof Key as Columns[Member]]: Stored[Member] }

/**
 * A key's row, with the pending changes of its installation's uninstall and its app that are not written into it yet.
 */
export type KeyRead = KeyRow & SettlementRow & WithdrawalRow

const WITHDRAWALS = `(select withdrawals from apps where apps.id = keys.app_id) as withdrawals`
const CONSENTED_VERSION = `(select version from installations as consented
  where consented.id = keys.installation_id and consented.uninstalled_at is null) as consented_version`

/** Keys with the effects of an uninstall or a smaller manifest, whether their rows are updated yet or not. */
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

/** A key by its own row only. */
export function asStored(row: KeyRow): Key {
  const { permissions, addresses, ...members } = Object.fromEntries(
    MEMBERS.map(([member, column]) => [member, row[column]]),
  ) as Stored
  return {
    ...members,
    permissions: JSON.parse(permissions),
    addresses: addresses === null ? null : JSON.parse(addresses),
  }
}

const stored = (value: Key[keyof Key]) => (Array.isArray(value) ? JSON.stringify(value) : value)

const EMPTY = Object.fromEntries(MEMBERS.map(([member]) => [member, null])) as { [Member in keyof Key]: null }

type Given = 'id' | 'kind' | 'accountId' | 'mode' | 'name' | 'redacted' | 'permissions' | 'createdAt'
export type NewKey = Pick<Key, Given> & Partial<Omit<Key, Given | 'status'>>

/** A new key: absent members are null, and a deadline makes it expiring. */
export function newKey(key: NewKey): Key {
  return { ...EMPTY, status: (key.expiresAt ?? null) === null ? 'active' : 'expiring', ...key }
}

/** Returns false if the same form has made a key already; the unique index decides between concurrent submits. */
export async function insertKey(tx: Tx, key: Key, hash: string, formHash: string | null = null): Promise<boolean> {
  const row = Object.fromEntries(MEMBERS.map(([member, column]) => [column, stored(key[member])]))
  const inserted: unknown[] = await tx('keys')
    .insert({ ...row, hash, form_hash: formHash })
    .onConflict(['account_id', 'form_hash'])
    .ignore()
    .returning('id')
  return inserted.length === 1
}

export async function findKeyRow(tx: Tx, id: string): Promise<Key | undefined> {
  const row: KeyRead | undefined = await readKeys(tx).where('keys.id', id).first()
  return row && toKey(row)
}

/** Locks the row until the transaction ends, so that concurrent decisions about a key do not conflict. */
export async function lockKeyRow(tx: Tx, id: string): Promise<Key | undefined> {
  const row: unknown = await locked(tx('keys').where({ id })).first('id')
  return row ? await findKeyRow(tx, id) : undefined
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
