import type { Knex } from 'knex'
import type { Tx } from '../../db/connect.ts'
import type { Mode } from '../base/mode.ts'
import { KEPT_UNSETTLED, listed, unended, WORKING } from './key-query-store.ts'
import { type Key, readKeys } from './key-store.ts'

export type KeptTarget = { appId: string; accountId?: string | undefined; mode?: Mode | undefined }

/** Working keys of earlier installations of an app. */
function kept(query: Knex.QueryBuilder, { appId, accountId, mode }: KeptTarget, at: number): Knex.QueryBuilder {
  unended(query, at).where('keys.app_id', appId)
  if (accountId) query.where('keys.account_id', accountId)
  if (mode) query.where('keys.mode', mode)
  return query
}

const KEPT = [`${WORKING} and keys.kept_at is not null`, `${WORKING} and ${KEPT_UNSETTLED}`] as const

/** A list of working keys of earlier installations of an app, unsettled ones last. */
export async function listKeptKeys(tx: Tx, target: KeptTarget, limit: number, at: number): Promise<Key[]> {
  const found: Key[] = []
  for (const which of KEPT) {
    if (found.length === limit) break
    const query = kept(readKeys(tx).whereRaw(which), target, at).orderBy('keys.id')
    found.push(...(await listed(query.limit(limit - found.length))))
  }
  return found
}

/** The number of kept keys, and when the last of them was kept. */
export async function countKeptKeys(
  tx: Tx,
  target: KeptTarget,
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
    const rows: { count: number | string; latest: number | null }[] = await kept(query, target, at).count({
      count: '*',
    })
    for (const row of rows) {
      count += Number(row.count)
      if (row.latest !== null) latest = Math.max(latest ?? row.latest, row.latest)
    }
  }
  return { count, latest }
}
