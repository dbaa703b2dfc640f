import { type App, findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import type { Mode } from '../base/mode.ts'
import {
  countAliveByApp,
  findAlive,
  findInstallationRow,
  type Installation,
  type InstallationFilter,
  listAliveIn,
  listAppIdsOfAccount,
  listSuspendedOf,
  lockInstallation,
  type Place,
  pageByAccount,
  pageOfApp,
} from './installation-store.ts'

export type { Installation, Place } from './installation-store.ts'

/** An installation of an account with its app; a stranger's is indistinguishable from none. Throws `object.not_found`. */
export async function findInstallationOf(
  tx: Tx,
  accountId: string,
  id: string,
): Promise<{ installation: Installation; app: App }> {
  const installation = await findInstallationRow(tx, id)
  if (!installation || installation.accountId !== accountId) throw new AppError('object.not_found')
  const app = await findApp(tx, installation.appId)
  if (!app) throw new AppError('object.not_found')
  return { installation, app }
}

/** The account that an installation belongs to. */
export async function accountOfInstallation(tx: Tx, id: string): Promise<string | undefined> {
  return (await findInstallationRow(tx, id))?.accountId
}

/** The installation of an app in a place, unless there is none or it is uninstalled. */
export async function findInstalled(tx: Tx, place: Place): Promise<Installation | undefined> {
  return await findAlive(tx, place)
}

/** One page of an account's installations, the newest first: those that are alive, or those that left working keys. */
export async function pageInstallations(
  tx: Tx,
  page: { accountId: string; which: 'alive' | 'over'; before?: string | undefined; limit: number },
): Promise<Installation[]> {
  return await pageByAccount(tx, page)
}

/** Where these apps are installed in an account. */
export async function installedIn(
  tx: Tx,
  accountId: string,
  appIds: readonly string[],
): Promise<{ id: string; appId: string; mode: Mode }[]> {
  const rows = appIds.length === 0 ? [] : await listAliveIn(tx, accountId, appIds)
  return rows.map(({ id, app_id, mode }) => ({ id, appId: app_id, mode }))
}

/** The apps that an account has installed at any time, at most `limit`. */
export async function appIdsOfAccount(tx: Tx, accountId: string, limit: number): Promise<string[]> {
  return await listAppIdsOfAccount(tx, accountId, limit)
}

/** Which of these installations somebody has suspended. */
export async function suspendedAmong(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set(ids.length === 0 ? [] : await listSuspendedOf(tx, ids))
}

/** Holds an installation that must not be uninstalled meanwhile. Throws `installation.not_active` where it is already. */
export async function holdInstallation(tx: Tx, id: string): Promise<Installation> {
  const installation = await lockInstallation(tx, id)
  if (!installation || installation.status === 'uninstalled') throw new AppError('installation.not_active')
  return installation
}

/** An installation of an app; another app's is indistinguishable from none. Throws `object.not_found`. */
export async function findInstallationOfApp(tx: Tx, appId: string, id: string): Promise<Installation> {
  const installation = await findInstallationRow(tx, id)
  if (!installation || installation.appId !== appId) throw new AppError('object.not_found')
  return installation
}

/** How many installations of each app are alive, as `{ live, test }`. */
export async function countInstallations(
  tx: Tx,
  appIds: readonly string[],
): Promise<ReadonlyMap<string, { live: number; test: number }>> {
  const counts = new Map(appIds.map(id => [id, { live: 0, test: 0 }]))
  for (const { app_id, mode, count } of await countAliveByApp(tx, appIds)) {
    const own = counts.get(app_id)
    if (own) own[mode] = count
  }
  return counts
}

/** One page of an app's installations, the newest first, uninstalled ones included unless `alive`. */
export async function listInstallationsOfApp(tx: Tx, filter: InstallationFilter): Promise<Installation[]> {
  return await pageOfApp(tx, filter)
}
