import type { Tx } from '../../db/connect.ts'
import { newestOf, oldestOf } from '../../db/in-order.ts'
import { isAmong } from '../../db/json-rows.ts'
import { listed, newestFirst, unended, WORKING, working, workingInOrder, workingOf } from './key-query-store.ts'
import { type Key, readKeys } from './key-store.ts'

const OF_INSTALLATION = ['keys.installation_id', 'keys.id'] as const

/** One page of all keys of an installation, newest id first. `working`: only those that work at that time. */
export async function pageInstallationKeys(
  tx: Tx,
  page: { installationId: string; before?: string | undefined; working?: { at: number } | undefined; limit: number },
): Promise<Key[]> {
  const query = newestOf(readKeys(tx), OF_INSTALLATION, page.installationId, page.before)
  if (page.working) unended(workingInOrder(query), page.working.at)
  return await listed(query.limit(page.limit))
}

/** One page of all keys, newest id first; of one account, app or installation if they are given. */
export async function pageAllKeys(
  tx: Tx,
  page: {
    accountId?: string | undefined
    appId?: string | undefined
    installationId?: string | undefined
    before?: string | undefined
    limit: number
  },
): Promise<Key[]> {
  const { accountId, appId, installationId, before, limit } = page
  const query = readKeys(tx).orderBy('keys.id', 'desc').limit(limit)
  if (accountId) query.where('keys.account_id', accountId)
  if (appId) query.where('keys.app_id', appId)
  if (installationId) query.where('keys.installation_id', installationId)
  if (before !== undefined) query.where('keys.id', '<', before)
  return await listed(query)
}

/** One page of the keys that an uninstall settled or found ended at the same moment. */
export async function pageSettledKeys(
  tx: Tx,
  page: { installationId: string; endedSince: number; before?: string | undefined; limit: number },
): Promise<Key[]> {
  const query = newestOf(readKeys(tx), OF_INSTALLATION, page.installationId, page.before)
  query.where(settled => settled.whereNull('keys.expired_at').orWhere('keys.expired_at', '>=', page.endedSince))
  return await listed(query.limit(page.limit))
}

/** The working keys of an installation that were used last. */
export async function listKeysUsedLast(tx: Tx, installationId: string, limit: number, at: number): Promise<Key[]> {
  const order = 'coalesce(keys.last_used_at, 0) desc, keys.id desc'
  const ofInstallation = await workingOf(tx, installationId)
  const first = unended(ofInstallation(tx('keys')), at)
  const ids: string[] = await first.orderByRaw(order).limit(limit).pluck('keys.id') // the other columns are read for these keys only
  return await listed(
    readKeys(tx)
      .whereRaw(isAmong(tx, 'keys.id', ids))
      .orderByRaw(order),
  )
}

/** Working keys of an installation that have none of these permissions, at most `limit`. */
export async function listKeysWithoutAny(
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

/** For each of these names, the newest key of an installation. */
export async function listLatestKeys(tx: Tx, installationId: string, names: readonly string[]): Promise<Key[]> {
  const found: Key[] = []
  for (const name of names) {
    const query = newestFirst(readKeys(tx).where({ 'keys.installation_id': installationId, 'keys.name': name }))
    found.push(...(await listed(query.limit(1))))
  }
  return found
}

/** The names among these that have a working, acknowledged key. */
export async function namesOfDeliveredKeys(
  tx: Tx,
  installationId: string,
  names: readonly string[],
  at: number,
): Promise<ReadonlySet<string>> {
  const query = unended(working(tx('keys')).where('keys.installation_id', installationId), at)
  const delivered: string[] = await query
    .whereNotNull('keys.delivered_at')
    .whereIn('keys.name', [...names])
    .distinct()
    .pluck('keys.name')
  return new Set(delivered)
}

export type LeakPosition = { frozenAt: number; id: string }

/** Managed keys frozen by a leak report that wait for their replacement, oldest first; kept keys get none. */
export async function pageLeakedKeys(tx: Tx, after: LeakPosition | undefined, limit: number): Promise<Key[]> {
  const leaked = `${WORKING} and keys.frozen_by = 'leak_report' and keys.kind = 'managed' and keys.kept_at is null`
  const query = readKeys(tx).whereRaw(leaked).orderBy('keys.frozen_at').orderBy('keys.id').limit(limit)
  if (after) query.whereRaw('(keys.frozen_at, keys.id) > (?, ?)', [after.frozenAt, after.id])
  return await listed(query)
}
