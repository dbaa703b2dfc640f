import type { Knex } from 'knex'
import { announce } from '../../db/changes.ts'
import { locked, type Tx } from '../../db/connect.ts'
import { jsonRows } from '../../db/json-rows.ts'
import { createAllowedRule } from '../base/addresses.ts'
import type { Mode } from '../base/mode.ts'
import type { KeyRecord } from './judge-key.ts'
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

type Row = {
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

const toKey = (row: Row): Key => ({
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
  const row: Row | undefined = await tx('keys').where({ id }).first()
  return row && toKey(row)
}

/** Holds the row until the transaction ends: what is decided about a key meanwhile is decided once. */
export async function lockKeyRow(tx: Tx, id: string): Promise<Key | undefined> {
  const row: Row | undefined = await locked(tx('keys').where({ id })).first()
  return row && toKey(row)
}

/** The key that a form has made, with its hash. */
export async function findKeyOfForm(
  tx: Tx,
  accountId: string,
  formHash: string,
): Promise<{ key: Key; hash: string } | undefined> {
  const row: (Row & { hash: string }) | undefined = await tx('keys')
    .where({ account_id: accountId, form_hash: formHash })
    .first()
  return row && { key: toKey(row), hash: row.hash }
}

/** What verification needs to know, in one look, and no more: whole processes keep these in memory. */
export async function findKeyByHash(tx: Tx, hash: string): Promise<KeyRecord | undefined> {
  type Joined = Row & { by_account: number | null; by_operator: number | null; app_status: string | null }
  const row: Joined | undefined = await tx('keys')
    .leftJoin('installations', 'installations.id', 'keys.installation_id')
    .leftJoin('apps', 'apps.id', 'keys.app_id')
    .where('keys.hash', hash)
    .first(
      ...RECORD.map(column => `keys.${column}`),
      'installations.suspended_by_account_at as by_account',
      'installations.suspended_by_operator_at as by_operator',
      'apps.status as app_status',
    )
  if (!row) return undefined
  return {
    id: row.id,
    kind: row.kind,
    accountId: row.account_id,
    installationId: row.installation_id,
    appId: row.app_id,
    mode: row.mode,
    permissions: JSON.parse(row.permissions),
    status: row.status,
    expiresAt: row.expires_at,
    frozen: row.frozen_at !== null,
    freezeUntil: row.freeze_until,
    suspended:
      row.by_account !== null ||
      row.by_operator !== null ||
      row.app_status === 'suspended' ||
      row.app_status === 'retired',
    allows: row.addresses === null ? null : createAllowedRule(JSON.parse(row.addresses)),
  }
}

const RECORD = [
  ...['id', 'kind', 'account_id', 'installation_id', 'app_id', 'mode', 'permissions'],
  ...['status', 'expires_at', 'frozen_at', 'freeze_until', 'addresses'],
] as const

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
}

function filtered(tx: Tx, filter: KeyFilter): Knex.QueryBuilder {
  const query = tx('keys')
  if (filter.ids) query.whereIn('id', [...filter.ids])
  if (filter.accountId) query.where('account_id', filter.accountId)
  if (filter.installationId) query.where('installation_id', filter.installationId)
  if (filter.installationIds) query.whereIn('installation_id', [...filter.installationIds])
  if (filter.appId) query.where('app_id', filter.appId)
  if (filter.mode) query.where('mode', filter.mode)
  if (filter.status) query.whereIn('status', [...filter.status])
  if (filter.kept) query.whereNotNull('kept_at')
  if (filter.delivered === false) query.whereNull('delivered_at')
  if (filter.replaces) query.where('replaces', filter.replaces)
  if (filter.endsWith) query.where('ends_with', filter.endsWith)
  return query
}

/** The newest first. */
export async function listKeyRows(tx: Tx, filter: KeyFilter): Promise<Key[]> {
  const rows: Row[] = await filtered(tx, filter).orderBy('created_at', 'desc').orderBy('id', 'desc')
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
  const rows: Row[] = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit)
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

/**
 * The one way to change a key: whoever keeps a copy of it for verification learns of the change when it commits. Answers
 * how many of the keys that `which` chooses were there to be changed.
 */
async function changeKeys(tx: Tx, which: Knex.QueryBuilder, change: Record<string, unknown>): Promise<number> {
  const changed: { hash: string }[] = await which.update(change).returning('hash')
  for (const { hash } of changed) announce(tx, `key:${hash}`)
  return changed.length
}

const working = (tx: Tx, id: string) =>
  tx('keys')
    .where({ id })
    .whereIn('status', [...WORKING])

/** Expires a key that still works; false where somebody was first. */
export async function expireRow(tx: Tx, id: string, because: ExpiryReason, at: number): Promise<boolean> {
  const change = { status: 'expired', expired_at: at, expired_because: because }
  return (await changeKeys(tx, working(tx, id), change)) === 1
}

/** Expires a key as of its deadline; false where it has ended or its deadlines are others now. */
export async function expireOverdueRow(
  tx: Tx,
  key: Pick<Key, 'id' | 'expiresAt' | 'freezeUntil'>,
  deadline: number,
  because: ExpiryReason,
): Promise<boolean> {
  const same = working(tx, key.id).where({ expires_at: key.expiresAt, freeze_until: key.freezeUntil })
  return (await changeKeys(tx, same, { status: 'expired', expired_at: deadline, expired_because: because })) === 1
}

/** Lets a key outlive its installation, for good or until a deadline. */
export async function keepRow(tx: Tx, id: string, deadline: number | null, at: number): Promise<boolean> {
  const change = { kept_at: at, ...(deadline !== null && { status: 'expiring', expires_at: deadline }) }
  return (await changeKeys(tx, working(tx, id), change)) === 1
}

export async function markDelivered(tx: Tx, ids: readonly string[], at: number): Promise<void> {
  await tx('keys')
    .whereIn('id', [...ids])
    .whereNull('delivered_at')
    .update({ delivered_at: at })
}

export async function setEndsWith(tx: Tx, ids: readonly string[], installationId: string): Promise<void> {
  const keys = tx('keys')
    .whereIn('id', [...ids])
    .whereIn('status', [...WORKING])
  await changeKeys(tx, keys, { ends_with: installationId })
}

export async function setPermissions(tx: Tx, id: string, permissions: readonly string[]): Promise<void> {
  await changeKeys(tx, tx('keys').where({ id }), { permissions: JSON.stringify(permissions) })
}

export type KeyEdit = Partial<Pick<Key, 'name' | 'note' | 'permissions' | 'addresses' | 'expiresAt'>>

/** Changes what people may change of a key that works; a deadline that is given makes it expiring. */
export async function editRow(tx: Tx, id: string, edit: KeyEdit): Promise<boolean> {
  const { name, note, permissions, addresses, expiresAt } = edit
  const change = {
    ...(name !== undefined && { name }),
    ...(note !== undefined && { note }),
    ...(permissions !== undefined && { permissions: JSON.stringify(permissions) }),
    ...(addresses !== undefined && { addresses: addresses && JSON.stringify(addresses) }),
    ...(expiresAt !== undefined && { expires_at: expiresAt, status: 'expiring' }),
  }
  return (await changeKeys(tx, working(tx, id), change)) === 1
}

/** Plans the end of a key that is being replaced; `null` gives the plan up. */
export async function setOverlap(
  tx: Tx,
  id: string,
  overlap: { until: number | null; length: number | null },
): Promise<void> {
  const change = { status: 'expiring', overlap_until: overlap.until, overlap_ms: overlap.length }
  await changeKeys(tx, working(tx, id), change)
}

/** From this moment on the key is refused. */
export async function setDeadline(tx: Tx, id: string, deadline: number): Promise<void> {
  await changeKeys(tx, working(tx, id), { status: 'expiring', expires_at: deadline })
}

/** Stops a key; false where it is frozen already or works no more. */
export async function setFrozen(
  tx: Tx,
  id: string,
  { by, until, at }: { by: FrozenBy; until: number | null; at: number },
): Promise<boolean> {
  const change = { frozen_at: at, frozen_by: by, freeze_until: until }
  return (await changeKeys(tx, working(tx, id).whereNull('frozen_at'), change)) === 1
}

/** A key that its account froze was found in public meanwhile; false where it is not frozen so. */
export async function setFrozenByLeak(tx: Tx, id: string): Promise<boolean> {
  return (await changeKeys(tx, working(tx, id).where('frozen_by', 'account'), { frozen_by: 'leak_report' })) === 1
}

/** Gives a frozen key back; false where it is not frozen, or where it ended meanwhile. */
export async function clearFrozen(tx: Tx, id: string, at: number): Promise<boolean> {
  const frozen = working(tx, id)
    .whereNotNull('frozen_at')
    .where(open => open.whereNull('freeze_until').orWhere('freeze_until', '>', at))
  return (await changeKeys(tx, frozen, { frozen_at: null, frozen_by: null, freeze_until: null })) === 1
}

/** Moves the last use of keys forward, never back. It decides about nothing, so no copy of a key need be forgotten. */
export async function noteLastUse(tx: Tx, uses: readonly { keyId: string; lastAt: number }[]): Promise<void> {
  if (uses.length === 0) return
  const used = jsonRows(
    tx,
    { key_id: 'text', last_at: 'integer' },
    uses.map(({ keyId, lastAt }) => [keyId, lastAt]),
  )
  await tx.raw(
    `update keys set last_used_at = used.last_at from (?) as used
     where keys.id = used.key_id and (keys.last_used_at is null or keys.last_used_at < used.last_at)`,
    [used],
  )
}
