import type { Knex } from 'knex'
import { locked, type Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'
import type { Mode } from '../base/mode.ts'
import { type ExpiryReason, type FrozenBy, type KeyStatus, WORKING } from './key-states.ts'

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

const toKey = (row: KeyRow): Key => ({
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
  const row: KeyRow | undefined = await tx('keys').where({ id }).first()
  return row && toKey(row)
}

/** Holds the row until the transaction ends: what is decided about a key meanwhile is decided once. */
export async function lockKeyRow(tx: Tx, id: string): Promise<Key | undefined> {
  const row: KeyRow | undefined = await locked(tx('keys').where({ id })).first()
  return row && toKey(row)
}

/** The key that a form has made, with its hash. */
export async function findKeyOfForm(
  tx: Tx,
  accountId: string,
  formHash: string,
): Promise<{ key: Key; hash: string } | undefined> {
  const row: (KeyRow & { hash: string }) | undefined = await tx('keys')
    .where({ account_id: accountId, form_hash: formHash })
    .first()
  return row && { key: toKey(row), hash: row.hash }
}

export type KeyFilter = {
  accountId?: string
  installationId?: string
  installationIds?: readonly string[]
  appId?: string
  mode?: Mode
  status?: readonly KeyStatus[]
  ids?: readonly string[]
  kept?: boolean
  delivered?: boolean
  endsWith?: string
  replaces?: string
  /** Those that were minted to replace another. */
  replacing?: boolean
}

function filtered(tx: Tx, filter: KeyFilter): Knex.QueryBuilder {
  const query = tx('keys')
  if (filter.ids) query.whereRaw(isAmong(tx, 'id', filter.ids))
  if (filter.accountId) query.where('account_id', filter.accountId)
  if (filter.installationId) query.where('installation_id', filter.installationId)
  if (filter.installationIds) query.whereIn('installation_id', [...filter.installationIds])
  if (filter.appId) query.where('app_id', filter.appId)
  if (filter.mode) query.where('mode', filter.mode)
  if (filter.status) query.whereIn('status', [...filter.status])
  if (filter.kept) query.whereNotNull('kept_at')
  if (filter.delivered === false) query.whereNull('delivered_at')
  if (filter.replaces) query.where('replaces', filter.replaces)
  if (filter.replacing) query.whereNotNull('replaces')
  if (filter.endsWith) query.where('ends_with', filter.endsWith)
  return query
}

/** The newest first. */
export async function listKeyRows(tx: Tx, filter: KeyFilter): Promise<Key[]> {
  const rows: KeyRow[] = await filtered(tx, filter).orderBy('created_at', 'desc').orderBy('id', 'desc')
  return rows.map(toKey)
}

// Literals, as in the index of these keys: with a parameter SQLite cannot use it.
export async function listLeakedRows(tx: Tx): Promise<Key[]> {
  const rows: KeyRow[] = await tx('keys')
    .whereRaw("status <> 'expired' and frozen_by = 'leak_report' and kind = 'managed' and kept_at is null")
    .orderBy('frozen_at')
  return rows.map(toKey)
}

/** What the keys page may be asked for; all of it together. */
export type KeyPageFilter = {
  accountId: string
  mode?: Mode | undefined
  shows?: 'active' | 'expiring' | 'frozen' | 'kept' | 'expired' | undefined
  /** Of one app; `null`: of none, so restricted keys. */
  appId?: string | null | undefined
  /** Those that ended before are left out. */
  endedSince: number
  /** The last key of the page before. */
  after?: Pick<Key, 'createdAt' | 'id'> | undefined
  limit: number
}

/** One page of an account's keys, the newest first. */
export async function pageKeyRows(tx: Tx, filter: KeyPageFilter, at: number): Promise<Key[]> {
  const { accountId, mode, shows, appId, endedSince, after, limit } = filter
  const query = tx('keys').where('account_id', accountId)
  for (const end of ['expired_at', 'expires_at', 'freeze_until'])
    query.where(listed => listed.whereNull(end).orWhere(end, '>=', endedSince))
  if (mode) query.where({ mode })
  if (appId !== undefined) query.where('app_id', appId)
  if (shows === 'expired') {
    query.where(ended =>
      ended.where('status', 'expired').orWhere('expires_at', '<=', at).orWhere('freeze_until', '<=', at),
    )
  } else if (shows) {
    query.whereIn('status', shows === 'active' || shows === 'expiring' ? [shows] : [...WORKING])
    for (const end of ['expires_at', 'freeze_until']) query.where(alive => alive.whereNull(end).orWhere(end, '>', at))
    if (shows === 'frozen') query.whereNotNull('frozen_at')
    else query.whereNull('frozen_at')
    if (shows === 'kept') query.whereNotNull('kept_at')
    else if (shows !== 'frozen') query.whereNull('kept_at')
  }
  if (after) query.whereRaw('(created_at, id) < (?, ?)', [after.createdAt, after.id])
  const rows: KeyRow[] = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit)
  return rows.map(toKey)
}

/** The apps that an account's keys were minted for. */
export async function listKeyAppIds(tx: Tx, accountId: string): Promise<string[]> {
  return await tx('keys').where('account_id', accountId).whereNotNull('app_id').distinct().pluck('app_id')
}

export async function countKeys(tx: Tx, filter: KeyFilter): Promise<number> {
  const row: { count: number | string } = await filtered(tx, filter).count({ count: '*' }).first()
  return Number(row.count)
}
