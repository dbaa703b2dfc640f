import type { Tx } from '../../db/connect.ts'
import { newestOf, oldestOf } from '../../db/in-order.ts'
import { isAmong } from '../../db/json-rows.ts'
import type { Mode } from '../base/mode.ts'
import { type Installation, type InstallationRow, toInstallation } from './installation.ts'
import { readInstallations } from './installation-store.ts'

/** One page of an account's installations, newest first: current ones, and uninstalled ones with working keys. */
export async function pageInstallations(
  tx: Tx,
  page: { accountId: string; which: 'alive' | 'over'; before?: string | undefined; limit: number },
): Promise<Installation[]> {
  const query = newestOf(readInstallations(tx), ['account_id', 'id'], page.accountId, page.before)
  if (page.which === 'alive') query.whereRaw(ALIVE)
  else query.where('status', 'uninstalled').whereRaw(HOLDS_KEYS)
  const rows: InstallationRow[] = await query.limit(page.limit)
  return rows.map(toInstallation)
}

/** A literal, as in the partial indexes: with a parameter SQLite cannot use them. */
const ALIVE = "status <> 'uninstalled'"

/** A lookup in the index of working keys; the caller checks whether their deadlines have passed. */
const HOLDS_KEYS = `exists (select 1 from keys where keys.installation_id = installations.id and keys.status <> 'expired')`

export type InstallationFilter = {
  appId: string
  installationId?: string | undefined
  before?: string | undefined
  /** Leaves out uninstalled ones. */
  alive?: boolean
  limit: number
}

/** One page of an app's installations, newest first; `before` is the id of the last item of the previous page. */
export async function listInstallationsOfApp(tx: Tx, filter: InstallationFilter): Promise<Installation[]> {
  const query = newestOf(readInstallations(tx), ['app_id', 'id'], filter.appId, filter.before)
  if (filter.installationId) query.where({ id: filter.installationId })
  if (filter.alive) query.whereRaw(ALIVE)
  const rows: InstallationRow[] = await query.limit(filter.limit)
  return rows.map(toInstallation)
}

/** One page of all installations, the newest first; of one app or one account if they are given. */
export async function pageAllInstallations(
  tx: Tx,
  page: { appId?: string | undefined; accountId?: string | undefined; before?: string | undefined; limit: number },
): Promise<Installation[]> {
  const { appId, accountId, before, limit } = page
  const query = accountId
    ? newestOf(readInstallations(tx), ['account_id', 'id'], accountId, before)
    : appId
      ? newestOf(readInstallations(tx), ['app_id', 'id'], appId, before)
      : readInstallations(tx).orderBy('id', 'desc')
  if (accountId && appId) query.where({ app_id: appId })
  if (!accountId && !appId && before !== undefined) query.where('id', '<', before)
  const rows: InstallationRow[] = await query.limit(limit)
  return rows.map(toInstallation)
}

/** Those among these installations that wait for the platform's acknowledgement. */
export async function listInstalling(tx: Tx, ids: readonly string[]): Promise<Installation[]> {
  const rows: InstallationRow[] = await readInstallations(tx)
    .whereRaw(isAmong(tx, 'id', [...new Set(ids)]))
    .where({ status: 'installing' })
    .orderBy('id')
  return rows.map(toInstallation)
}

/** Whose these installations are, and of which app; ids without an installation are left out. */
export async function ownersOfInstallations(
  tx: Tx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, { accountId: string; appId: string }>> {
  const rows: { id: string; account_id: string; app_id: string }[] = await tx('installations')
    .whereRaw(isAmong(tx, 'id', [...new Set(ids)]))
    .select('id', 'account_id', 'app_id')
  return new Map(rows.map(({ id, account_id, app_id }) => [id, { accountId: account_id, appId: app_id }]))
}

/** The ids of the suspended ones among these installations. */
export async function suspendedAmong(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set()
  const suspended: string[] = await tx('installations')
    .whereRaw(isAmong(tx, 'id', ids))
    .where(set => set.whereNotNull('suspended_by_account_at').orWhereNotNull('suspended_by_operator_at'))
    .pluck('id')
  return new Set(suspended)
}

/** The apps that an account has ever installed, at most `limit`; read from an index. */
export async function appIdsOfAccount(tx: Tx, accountId: string, limit: number): Promise<string[]> {
  return await tx('installations')
    .where({ account_id: accountId })
    .distinct()
    .orderBy('app_id')
    .limit(limit)
    .pluck('app_id')
}

/** Where these apps are installed in an account. */
export async function installedIn(
  tx: Tx,
  accountId: string,
  appIds: readonly string[],
): Promise<{ id: string; appId: string; mode: Mode }[]> {
  if (appIds.length === 0) return []
  return await tx('installations')
    .where({ account_id: accountId })
    .whereRaw(isAmong(tx, 'app_id', appIds))
    .whereNot('status', 'uninstalled')
    .orderBy('id', 'desc')
    .select({ id: 'id', appId: 'app_id', mode: 'mode' })
}

/** Accounts in which an app is installed or has working keys, at most `limit`, in the order of their ids, after one. */
export async function listAccountsOfApp(tx: Tx, appId: string, after: string, limit: number): Promise<string[]> {
  return await tx('installations')
    .where({ app_id: appId })
    .where('account_id', '>', after)
    .where(where => where.whereNot('status', 'uninstalled').orWhereRaw(HOLDS_KEYS))
    .distinct()
    .orderBy('account_id')
    .limit(limit)
    .pluck('account_id')
}

/** An app's current installations, at most `limit`, in the order of their ids, after one. */
export async function listAliveAfter(tx: Tx, appId: string, after: string, limit: number): Promise<Installation[]> {
  const query = oldestOf(readInstallations(tx), ['app_id', 'id'], appId, after)
  const rows: InstallationRow[] = await query.whereRaw(ALIVE).limit(limit)
  return rows.map(toInstallation)
}

export type InstallationCounts = {
  live: number
  test: number
  /** Counting stopped at the bound; there are more. */
  more: boolean
}

/** How many current installations each app has, counted up to `most`. */
export async function countInstallations(
  tx: Tx,
  appIds: readonly string[],
  most: number,
): Promise<ReadonlyMap<string, InstallationCounts>> {
  const counts = new Map<string, InstallationCounts>()
  for (const appId of appIds) {
    const some = newestOf(tx('installations'), ['app_id', 'id'], appId)
      .whereRaw(ALIVE)
      .limit(most + 1)
      .select('mode')
    const rows: { mode: Mode; count: number | string }[] = await tx
      .from(some.as('some'))
      .groupBy('mode')
      .select('mode')
      .count({ count: '*' })
    const own = { live: 0, test: 0, more: false }
    for (const { mode, count } of rows) own[mode] = Number(count)
    counts.set(appId, { ...own, more: own.live + own.test > most })
  }
  return counts
}
