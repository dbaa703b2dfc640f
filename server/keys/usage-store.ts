import { lockedOrSkipped, type Tx } from '../../db/connect.ts'
import { deleteFirst } from '../../db/delete-in-batches.ts'
import { jsonRows } from '../../db/json-rows.ts'
import { plainAddress } from '../base/addresses.ts'
import { hoursOf, type Use } from './usage-buffer.ts'

/**
 * Adds the use of keys to the stored use. Rows are locked in one order, so that two processes never deadlock. A key
 * whose row is locked is skipped and returned, to be written with the next batch. Deleted keys are left out.
 */
export async function addUsage(tx: Tx, batch: readonly Use[]): Promise<Use[]> {
  const named = jsonRows(
    tx,
    { id: 'text' },
    batch.map(({ keyId }) => [keyId]),
  )
  const there = new Set<string>(await tx('keys').whereRaw('id in (?)', [named]).pluck('id'))
  const uses = batch.filter(use => there.has(use.keyId))
  await addRows(
    tx,
    ['key_usage_hours', 'hour', 'calls'],
    'key_usage_hours.calls + excluded.calls',
    uses.flatMap(use =>
      hoursOf(use)
        .sort(([one], [other]) => one - other)
        .map(([hour, calls]) => [use.keyId, hour, calls]),
    ),
  )
  await addRows(
    tx,
    ['key_usage_addresses', 'address', 'seen_at'],
    later('key_usage_addresses.seen_at'),
    uses.flatMap(use =>
      latest(use.addresses.map(({ name, at }) => [plainAddress(name), at])).map(seen => [use.keyId, ...seen]),
    ),
  )
  await addRows(
    tx,
    ['key_usage_permissions', 'permission', 'used_at'],
    later('key_usage_permissions.used_at'),
    uses.flatMap(use => latest(use.permissions.map(({ name, at }) => [name, at])).map(seen => [use.keyId, ...seen])),
  )
  const free = new Set<string>(await lockedOrSkipped(tx('keys').whereRaw('id in (?)', [named])).pluck('id'))
  await noteLastUse(
    tx,
    uses.filter(use => free.has(use.keyId)),
  )
  return uses.filter(use => !free.has(use.keyId)).map(use => ({ ...use, ...NOTHING_MORE }))
}

/** Moves the last use of keys forward, never back. Verification does not read it, so no cached copy is dropped. */
async function noteLastUse(tx: Tx, uses: readonly { keyId: string; lastAt: number }[]): Promise<void> {
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

const NOTHING_MORE = { calls: 0, earlier: undefined, addresses: [], permissions: [] }

const later = (column: string): string =>
  `case when ${column} < excluded.${column.split('.')[1]} then excluded.${column.split('.')[1]} else ${column} end`

async function addRows(
  tx: Tx,
  [table, name, value]: readonly [string, 'hour' | 'address' | 'permission', string],
  combined: string,
  rows: readonly (readonly [string, string | number, number])[],
): Promise<void> {
  if (rows.length === 0) return
  const columns = { key_id: 'text', [name]: name === 'hour' ? 'integer' : 'text', [value]: 'integer' } as const
  await tx.raw(`insert into ?? (??, ??, ??) ? on conflict (??, ??) do update set ?? = ${combined}`, [
    table,
    'key_id',
    name,
    value,
    jsonRows(tx, columns, rows),
    'key_id',
    name,
    value,
  ])
}

/** Each name once with its latest time, in the order of the names. */
function latest(seen: readonly (readonly [string, number])[]): [string, number][] {
  const all = new Map<string, number>()
  for (const [name, at] of seen) all.set(name, Math.max(at, all.get(name) ?? 0))
  return [...all].sort(([one], [other]) => (one < other ? -1 : 1))
}

/** Deletes counts of hours before a moment, at most `limit`; returns how many. */
export async function deleteHoursBefore(tx: Tx, before: number, limit: number): Promise<number> {
  const old = tx('key_usage_hours').where('hour', '<', before).orderBy('hour')
  return await deleteFirst(tx, 'key_usage_hours', ['key_id', 'hour'], old, limit)
}

const SEEN = {
  addresses: { table: 'key_usage_addresses', name: 'address', time: 'seen_at' },
  permissions: { table: 'key_usage_permissions', name: 'permission', time: 'used_at' },
} as const
export type SeenKind = keyof typeof SEEN

/** A page of keys in the order of their ids: the number of entries of this kind of each, and the first time. */
export async function pageSeen(
  tx: Tx,
  kind: SeenKind,
  after: string,
  limit: number,
): Promise<{ keyId: string; total: number; first: number }[]> {
  const { table, time } = SEEN[kind]
  const rows: { key_id: string; total: number | string; first: number }[] = await tx(table)
    .where('key_id', '>', after)
    .groupBy('key_id')
    .orderBy('key_id')
    .limit(limit)
    .select('key_id')
    .count({ total: '*' })
    .min({ first: time })
  return rows.map(({ key_id, total, first }) => ({ keyId: key_id, total: Number(total), first }))
}

/** When the address of this rank was seen, counted from 0, newest first; undefined if the key has fewer. */
export async function seenAtRank(tx: Tx, keyId: string, rank: number): Promise<number | undefined> {
  const query = tx('key_usage_addresses').where({ key_id: keyId }).orderBy('seen_at', 'desc').offset(rank)
  const row: { seen_at: number } | undefined = await query.first('seen_at')
  return row?.seen_at
}

/** Deletes the entries of one key up to a moment, at most `limit`; returns how many. */
export async function deleteSeenUpTo(
  tx: Tx,
  kind: SeenKind,
  { keyId, upTo }: { keyId: string; upTo: number },
  limit: number,
): Promise<number> {
  const { table, name, time } = SEEN[kind]
  const old = tx(table).where({ key_id: keyId }).where(time, '<=', upTo).orderBy(name)
  return await deleteFirst(tx, table, ['key_id', name], old, limit)
}
