import { type App, findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import {
  type Installation,
  type InstallationRow,
  type InstallTarget,
  targetColumns,
  toInstallation,
} from './installation.ts'
import { readInstallations } from './installation-store.ts'

/** An installation, uninstalled or not, without an access check. */
export async function findInstallation(tx: Tx, id: string): Promise<Installation | undefined> {
  const row: InstallationRow | undefined = await readInstallations(tx).where({ id }).first()
  return row && toInstallation(row)
}

/** An installation of an account, with its app. Throws `object.not_found`, also for another account's installation. */
export async function findInstallationOf(
  tx: Tx,
  accountId: string,
  id: string,
): Promise<{ installation: Installation; app: App }> {
  const installation = await findInstallation(tx, id)
  if (!installation || installation.accountId !== accountId) throw new AppError('object.not_found')
  const app = await findApp(tx, installation.appId)
  if (!app) throw new AppError('object.not_found')
  return { installation, app }
}

/** An installation of an app. Throws `object.not_found`, also for another app's installation. */
export async function findInstallationOfApp(tx: Tx, appId: string, id: string): Promise<Installation> {
  const installation = await findInstallation(tx, id)
  if (!installation || installation.appId !== appId) throw new AppError('object.not_found')
  return installation
}

/** The account that an installation belongs to. */
export async function accountOfInstallation(tx: Tx, id: string): Promise<string | undefined> {
  return (await findInstallation(tx, id))?.accountId
}

/** The current installation of an app in a target; undefined if there is none. */
export async function findInstalled(tx: Tx, target: InstallTarget): Promise<Installation | undefined> {
  const row: InstallationRow | undefined = await readInstallations(tx)
    .where(targetColumns(target))
    .whereNot('status', 'uninstalled')
    .first()
  return row && toInstallation(row)
}
