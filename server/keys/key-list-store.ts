import type { Knex } from 'knex'
import type { Tx } from '../../db/connect.ts'
import { newestOf, oldestOf } from '../../db/in-order.ts'
import { isAmong } from '../../db/json-rows.ts'
import type { Mode } from '../base/mode.ts'
import type { ExpiryReason } from './key-states.ts'
import { type Key, type KeyRead, readKeys, toKey } from './key-store.ts'

/** Literals, as in the indexes of these keys: with a parameter SQLite cannot use them. */
export const WORKING = "keys.status <> 'expired'"

/** An uninstallation has decided that the key ends, and its row does not say so yet. */
export const ENDED = `(keys.kept_at is null and exists (select 1 from installations as over
  where over.id = keys.installation_id and over.settle_keys is not null
  and (over.settle_keys = 'expire' or keys.delivered_at is null)))`

/** An uninstallation has kept the key, and its row does not say so yet. */
const KEPT_UNSETTLED = `keys.kept_at is null and keys.delivered_at is not null and keys.installation_id in
  (select id from installations where settle_keys is not null and settle_keys <> 'expire')`

/** Keys of one account, installation or app that still work by their rows; deadlines apart. */
export const working = (query: Knex.QueryBuilder) => query.whereRaw(`${WORKING} and not ${ENDED}`)

/** The same in words that the indexes of working keys do not match: SQLite would take one that has another order. */
const workingInOrder = (query: Knex.QueryBuilder) =>
  query.whereRaw(`keys.status in ('active', 'expiring') and not ${ENDED}`)

/** Keys whose deadlines have not passed. */
export function unended(query: Knex.QueryBuilder, at: number): Knex.QueryBuilder {
  for (const end of ['keys.expires_at', 'keys.freeze_until'])
    query.where(open => open.whereNull(end).orWhere(end, '>', at))
  return query
}

export const newestFirst = (query: Knex.QueryBuilder) =>
  query.orderBy('keys.created_at', 'desc').orderBy('keys.id', 'desc')

export async function listed(query: Knex.QueryBuilder): Promise<Key[]> {
  const rows: KeyRead[] = await query
  return rows.map(toKey)
}

/** Of these keys, the working ones that were minted to replace others. */
export async function listReplacing(tx: Tx, ids: readonly string[]): Promise<Key[]> {
  return await listed(
    working(readKeys(tx))
      .whereRaw(isAmong(tx, 'keys.id', ids))
      .whereNotNull('keys.replaces'),
  )
}

/** Keys that were minted to replace one of these, whether they still work or not; the newest first. */
export async function listReplacementRows(tx: Tx, keyIds: readonly string[]): Promise<Key[]> {
  return await listed(newestFirst(readKeys(tx).whereRaw(isAmong(tx, 'keys.replaces', keyIds))))
}

/** Whether a working key of an installation waits for the platform's acknowledgement. */
export async function hasUndeliveredRow(tx: Tx, installationId: string): Promise<boolean> {
  const query = working(tx('keys').where('keys.installation_id', installationId).whereNull('keys.delivered_at'))
  return (await query.first('keys.id')) !== undefined
}

/** The sets of permissions that working keys of an installation have, each once. */
export async function listPermissionSets(tx: Tx, installationId: string): Promise<string[][]> {
  const sets: string[] = await working(tx('keys').where('keys.installation_id', installationId))
    .distinct()
    .pluck('keys.permissions')
  return sets.map(set => JSON.parse(set))
}

/** Some of the keys that one act has expired. */
export async function listExpiredRows(
  tx: Tx,
  act: { installationId: string; which: 'own' | 'ending_with'; because: ExpiryReason; at: number },
  { after, limit }: { after: string; limit: number },
): Promise<Key[]> {
  const column = act.which === 'own' ? 'keys.installation_id' : 'keys.ends_with'
  const query = oldestOf(readKeys(tx), [column, 'keys.id'], act.installationId, after)
  return await listed(query.where({ 'keys.expired_at': act.at, 'keys.expired_because': act.because }).limit(limit))
}

/** Of each name the newest key of an installation, for names that a manifest has. */
export async function listLatestOfNames(tx: Tx, installationId: string, names: readonly string[]): Promise<Key[]> {
  const found: Key[] = []
  for (const name of names) {
    const query = newestFirst(readKeys(tx).where({ 'keys.installation_id': installationId, 'keys.name': name }))
    found.push(...(await listed(query.limit(1))))
  }
  return found
}

/** Which of these names a working key has that the platform acknowledged. */
export async function listNamesHeld(
  tx: Tx,
  installationId: string,
  names: readonly string[],
  at: number,
): Promise<string[]> {
  const query = unended(working(tx('keys')).where('keys.installation_id', installationId), at)
  return await query
    .whereNotNull('keys.delivered_at')
    .whereIn('keys.name', [...names])
    .distinct()
    .pluck('keys.name')
}

export type LeakPlace = { frozenAt: number; id: string }

/** One page of the leaked keys that wait for a replacement, the oldest first. */
export async function pageLeakedRows(tx: Tx, after: LeakPlace | undefined, limit: number): Promise<Key[]> {
  const leaked = `${WORKING} and keys.frozen_by = 'leak_report' and keys.kind = 'managed' and keys.kept_at is null`
  const query = readKeys(tx).whereRaw(leaked).orderBy('keys.frozen_at').orderBy('keys.id').limit(limit)
  if (after) query.whereRaw('(keys.frozen_at, keys.id) > (?, ?)', [after.frozenAt, after.id])
  return await listed(query)
}

const OF_INSTALLATION = ['keys.installation_id', 'keys.id'] as const

/** One page of what an installation ever held, the newest id first. `working`: what works at that time only. */
export async function pageInstallationKeyRows(
  tx: Tx,
  page: { installationId: string; before?: string | undefined; working?: { at: number } | undefined; limit: number },
): Promise<Key[]> {
  const query = newestOf(readKeys(tx), OF_INSTALLATION, page.installationId, page.before)
  if (page.working) unended(workingInOrder(query), page.working.at)
  return await listed(query.limit(page.limit))
}

/** The working keys of an installation that were used last. */
export async function listLastUsed(tx: Tx, installationId: string, limit: number, at: number): Promise<Key[]> {
  const order = 'coalesce(keys.last_used_at, 0) desc, keys.id desc'
  const first = unended(working(tx('keys')), at).where('keys.installation_id', installationId)
  const ids: string[] = await first.orderByRaw(order).limit(limit).pluck('keys.id') // what else is read of a key is read of these only
  return await listed(
    readKeys(tx)
      .whereRaw(isAmong(tx, 'keys.id', ids))
      .orderByRaw(order),
  )
}

/** Working keys of an installation that have none of these permissions, at most `limit`. */
export async function listWithoutAny(
  tx: Tx,
  installationId: string,
  permissions: readonly string[],
  limit: number,
  at: number,
): Promise<Key[]> {
  const query = oldestOf(unended(workingInOrder(readKeys(tx)), at), OF_INSTALLATION, installationId)
  for (const name of permissions)
    query.whereRaw("replace(keys.permissions, ?, '') = keys.permissions", [JSON.stringify(name)])
  return await listed(query.limit(limit))
}

/** One page of what an uninstallation settled or found ended at the same moment: what became of the keys. */
export async function pageSettledRows(
  tx: Tx,
  page: { installationId: string; endedSince: number; before?: string | undefined; limit: number },
): Promise<Key[]> {
  const query = newestOf(readKeys(tx), OF_INSTALLATION, page.installationId, page.before)
  query.where(settled => settled.whereNull('keys.expired_at').orWhere('keys.expired_at', '>=', page.endedSince))
  return await listed(query.limit(page.limit))
}

/** How many keys of each installation work; those without any are absent. The index of working keys answers. */
export async function countWorkingOf(
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

/** How many keys of an account or an installation work by their rows, counted no further than `most`. */
export async function countOccupied(
  tx: Tx,
  where: { account_id: string } | { installation_id: string },
  most: number,
): Promise<number> {
  const some = tx('keys').where(where).whereRaw(WORKING).limit(most).select(tx.raw('1 as one'))
  const row: { count?: number | string } | undefined = await tx.from(some.as('some')).count({ count: '*' }).first()
  return Number(row?.count ?? 0)
}

/** When the working keys of each installation were last used; meant for installations that do not hold many. */
export async function lastUseOf(
  tx: Tx,
  installationIds: readonly string[],
  at: number,
): Promise<ReadonlyMap<string, number>> {
  if (installationIds.length === 0) return new Map()
  const rows: { installation_id: string; last: number | null }[] = await unended(tx('keys').whereRaw(WORKING), at)
    .whereRaw(isAmong(tx, 'keys.installation_id', installationIds))
    .groupBy('keys.installation_id')
    .select('keys.installation_id')
    .max({ last: 'keys.last_used_at' })
  return new Map(rows.flatMap(({ installation_id, last }) => (last === null ? [] : [[installation_id, last] as const])))
}

/** How an installation's working keys stand: delivered or not, with a deadline or without, ever used or not. */
export async function summarizeWorking(
  tx: Tx,
  installationId: string,
  at: number,
): Promise<{ total: number; delivered: number; ending: number; used: number }> {
  const one = (condition: string) => tx.raw(`coalesce(sum(case when ${condition} then 1 else 0 end), 0)`)
  const row: Record<'total' | 'delivered' | 'ending' | 'used', number | string> = await unended(
    working(tx('keys')).where('keys.installation_id', installationId),
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

export type KeptPlace = { appId: string; accountId?: string | undefined; mode?: Mode | undefined }

/** Keys of earlier installations of an app that still work. */
function kept(query: Knex.QueryBuilder, { appId, accountId, mode }: KeptPlace, at: number): Knex.QueryBuilder {
  unended(query, at).where('keys.app_id', appId)
  if (accountId) query.where('keys.account_id', accountId)
  if (mode) query.where('keys.mode', mode)
  return query
}

const KEPT = [`${WORKING} and keys.kept_at is not null`, `${WORKING} and ${KEPT_UNSETTLED}`] as const

/** Some of them, those that are not settled yet last. */
export async function listKeptRows(tx: Tx, place: KeptPlace, limit: number, at: number): Promise<Key[]> {
  const found: Key[] = []
  for (const which of KEPT) {
    if (found.length === limit) break
    const query = kept(readKeys(tx).whereRaw(which), place, at).orderBy('keys.id')
    found.push(...(await listed(query.limit(limit - found.length))))
  }
  return found
}

/** How many there are, and when the last of them was kept. */
export async function countKeptRows(
  tx: Tx,
  place: KeptPlace,
  at: number,
): Promise<{ count: number; latest: number | null }> {
  const [settled, unsettled] = KEPT
  const queries = [
    tx('keys').whereRaw(settled).max({ latest: 'keys.kept_at' }),
    tx('keys')
      .join('installations as over', 'over.id', 'keys.installation_id')
      .whereRaw(unsettled)
      .max({ latest: 'over.uninstalled_at' }),
  ]
  let [count, latest] = [0, null as number | null]
  for (const query of queries) {
    const rows: { count: number | string; latest: number | null }[] = await kept(query, place, at).count({ count: '*' })
    for (const row of rows) {
      count += Number(row.count)
      if (row.latest !== null) latest = Math.max(latest ?? row.latest, row.latest)
    }
  }
  return { count, latest }
}
