import type { Tx } from '../../db/connect.ts'
import { DAY, HOUR } from '../base/clock.ts'

/** The recent use of a key, as the uninstall page shows it. */
export type KeyUse = {
  calls24h: number
  calls7d: number
  /** Of the last 7 days, latest first, at most LISTED. */
  addresses: string[]
  /** The number of all addresses. */
  addressCount: number
}

const LISTED = 20
const UNUSED: KeyUse = { calls24h: 0, calls7d: 0, addresses: [], addressCount: 0 }

/** Uses of the last 24 hours and 7 days, in whole hours, the oldest one included, so that no use is hidden. */
export async function readUse(tx: Tx, keyIds: readonly string[], at: number): Promise<(keyId: string) => KeyUse> {
  if (keyIds.length === 0) return () => UNUSED
  const since = (age: number) => at - age - ((at - age) % HOUR)
  const [day, week] = [await sumCalls(tx, keyIds, since(DAY)), await sumCalls(tx, keyIds, since(7 * DAY))]
  const rows = await listAddresses(tx, keyIds, since(7 * DAY), LISTED)
  const byKey = Map.groupBy(rows, row => row.key_id)
  return keyId => {
    const own = byKey.get(keyId) ?? []
    return {
      calls24h: day.get(keyId) ?? 0,
      calls7d: week.get(keyId) ?? 0,
      addresses: own.map(row => row.address),
      addressCount: Number(own[0]?.total ?? 0),
    }
  }
}

/** The permissions that the keys of an installation have used since a moment; `unsaid` if some calls named none. */
export async function readPermissionUse(
  tx: Tx,
  installationId: string,
  since: number,
): Promise<{ used: ReadonlySet<string>; unsaid: boolean }> {
  const permissions: string[] = await tx('key_usage_permissions')
    .whereIn('key_id', tx('keys').where({ installation_id: installationId }).select('id'))
    .where('used_at', '>=', since)
    .distinct('permission')
    .pluck('permission')
  // The empty name counts calls that named no permission.
  return { used: new Set(permissions.filter(name => name !== '')), unsaid: permissions.includes('') }
}

/** Since when permissions are recorded. */
export async function permissionsWatchedSince(tx: Tx): Promise<number> {
  const row: { since: number } | undefined = await tx('usage_watches').where({ what: 'permissions' }).first('since')
  return row?.since ?? Number.POSITIVE_INFINITY
}

/** Calls of each key on each of the last seven days (UTC), today last. */
export async function readCallsPerDay(
  tx: Tx,
  keyIds: readonly string[],
  at: number,
): Promise<(keyId: string) => number[]> {
  const first = at - (at % DAY) - 6 * DAY
  if (keyIds.length === 0) return () => []
  const sums = await sumCallsByDay(tx, keyIds, first)
  const calls = new Map(sums.map(sum => [`${sum.keyId} ${sum.day}`, sum.calls]))
  return keyId => Array.from({ length: 7 }, (_, index) => calls.get(`${keyId} ${first + index * DAY}`) ?? 0)
}

async function sumCalls(tx: Tx, keyIds: readonly string[], since: number): Promise<Map<string, number>> {
  const rows: { key_id: string; calls: number | string }[] = await tx('key_usage_hours')
    .whereIn('key_id', [...keyIds])
    .where('hour', '>=', since)
    .groupBy('key_id')
    .select('key_id')
    .sum({ calls: 'calls' })
  return new Map(rows.map(row => [row.key_id, Number(row.calls)]))
}

/** Calls of each key and day (UTC), by the day's beginning. */
async function sumCallsByDay(
  tx: Tx,
  keyIds: readonly string[],
  since: number,
): Promise<{ keyId: string; day: number; calls: number }[]> {
  const day = tx.raw('hour - hour % ?', [DAY])
  const rows: { key_id: string; day: number | string; calls: number | string }[] = await tx('key_usage_hours')
    .whereIn('key_id', [...keyIds])
    .where('hour', '>=', since)
    .select('key_id', { day })
    .sum({ calls: 'calls' })
    .groupBy('key_id', 'day')
  return rows.map(row => ({ keyId: row.key_id, day: Number(row.day), calls: Number(row.calls) }))
}

type AddressRow = { key_id: string; address: string; total: number }

/** For each key the latest `most` addresses, latest first, with the number of all. */
async function listAddresses(tx: Tx, keyIds: readonly string[], since: number, most: number): Promise<AddressRow[]> {
  const ranked = tx('key_usage_addresses')
    .whereIn('key_id', [...keyIds])
    .where('seen_at', '>=', since)
    .select('key_id', 'address', 'seen_at')
    .select(tx.raw('row_number() over (partition by key_id order by seen_at desc, address) as rank'))
    .select(tx.raw('count(*) over (partition by key_id) as total'))
    .as('ranked')
  return await tx(ranked).where('rank', '<=', most).orderBy('rank').select('key_id', 'address', 'total')
}
