import type { Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'
import { unended, WORKING, working, workingOf } from './key-query-store.ts'
import { pageInstallationKeys } from './list-keys.ts'

/** Counts of an installation's working keys: delivered, with a deadline, ever used. */
export async function summarizeKeys(
  tx: Tx,
  installationId: string,
  at: number,
): Promise<{ total: number; delivered: number; ending: number; used: number }> {
  const one = (condition: string) => tx.raw(`coalesce(sum(case when ${condition} then 1 else 0 end), 0)`)
  const ofInstallation = await workingOf(tx, installationId)
  const row: Record<'total' | 'delivered' | 'ending' | 'used', number | string> = await unended(
    ofInstallation(tx('keys')),
    at,
  )
    .select({
      total: tx.raw('count(*)'),
      delivered: one('keys.delivered_at is not null'),
      ending: one('keys.delivered_at is not null and keys.expires_at is not null'),
      used: one('keys.last_used_at is not null'),
    })
    .first()
  const { total, delivered, ending, used } = row
  return { total: Number(total), delivered: Number(delivered), ending: Number(ending), used: Number(used) }
}

/** Number of working keys of an installation, from an index. */
export async function countWorkingKeys(tx: Tx, installationId: string, at: number): Promise<number> {
  return (await countWorkingOf(tx, [installationId], at)).get(installationId) ?? 0
}

/** Whether any key of an installation works. */
export async function hasWorkingKeys(tx: Tx, installationId: string, at: number): Promise<boolean> {
  return (await pageInstallationKeys(tx, { installationId, working: { at }, limit: 1 })).length > 0
}

/** Whether a working key of an installation waits for the platform's acknowledgement. */
export async function hasUndelivered(tx: Tx, installationId: string): Promise<boolean> {
  const query = working(tx('keys').where('keys.installation_id', installationId).whereNull('keys.delivered_at'))
  return (await query.first('keys.id')) !== undefined
}

/** In an installation with more keys than this, the last use is not searched for. */
const FEW = 250

/** The number of working keys of each installation, and their last use; `undefined` if they are too many to read. */
export async function countKeysOf(
  tx: Tx,
  installationIds: readonly string[],
  at: number,
): Promise<(installationId: string) => { count: number; lastUsedAt: number | null | undefined }> {
  const counts = await countWorkingOf(tx, installationIds, at)
  const few = [...counts].filter(([, count]) => count <= FEW).map(([id]) => id)
  const uses = await lastUseOf(tx, few, at)
  return id => {
    const count = counts.get(id) ?? 0
    return { count, lastUsedAt: count > FEW ? undefined : (uses.get(id) ?? null) }
  }
}

/** Number of working keys of each installation, from the index of working keys; installations without any are absent. */
async function countWorkingOf(
  tx: Tx,
  installationIds: readonly string[],
  at: number,
): Promise<ReadonlyMap<string, number>> {
  if (installationIds.length === 0) return new Map()
  const unsettled: string[] = await tx('installations')
    .whereRaw(isAmong(tx, 'id', installationIds))
    .whereNotNull('settle_keys')
    .pluck('id')
  const counts = new Map<string, number>()
  for (const [ids, query] of [
    [installationIds.filter(id => !unsettled.includes(id)), tx('keys').whereRaw(WORKING)],
    [unsettled, working(tx('keys'))],
  ] as const) {
    if (ids.length === 0) continue
    const rows: { installation_id: string; count: number | string }[] = await unended(query, at)
      .whereRaw(isAmong(tx, 'keys.installation_id', ids))
      .groupBy('keys.installation_id')
      .select('keys.installation_id')
      .count({ count: '*' })
    for (const { installation_id, count } of rows) counts.set(installation_id, Number(count))
  }
  return counts
}

/** When the working keys of each installation were last used; for installations with few keys. */
async function lastUseOf(tx: Tx, installationIds: readonly string[], at: number): Promise<ReadonlyMap<string, number>> {
  if (installationIds.length === 0) return new Map()
  const rows: { installation_id: string; last: number | null }[] = await unended(tx('keys').whereRaw(WORKING), at)
    .whereRaw(isAmong(tx, 'keys.installation_id', installationIds))
    .groupBy('keys.installation_id')
    .select('keys.installation_id')
    .max({ last: 'keys.last_used_at' })
  return new Map(rows.flatMap(({ installation_id, last }) => (last === null ? [] : [[installation_id, last] as const])))
}

/** The number of keys of an account or an installation that work by their rows, counted up to `most`. */
export async function countOccupied(
  tx: Tx,
  where: { account_id: string } | { installation_id: string },
  most: number,
): Promise<number> {
  const some = tx('keys').where(where).whereRaw(WORKING).limit(most).select(tx.raw('1 as one'))
  const row: { count?: number | string } | undefined = await tx.from(some.as('some')).count({ count: '*' }).first()
  return Number(row?.count ?? 0)
}
