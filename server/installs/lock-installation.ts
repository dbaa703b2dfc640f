import { locked, type Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'
import { AppError } from '../base/errors.ts'
import { type Installation, type InstallationRow, toInstallation } from './installation.ts'
import { readInstallations } from './installation-store.ts'

/** Holds the row until the transaction ends: what is decided about its keys meanwhile is decided once. */
export async function lockInstallation(tx: Tx, id: string): Promise<Installation | undefined> {
  const row: InstallationRow | undefined = await locked(readInstallations(tx).where({ id })).first()
  return row && toInstallation(row)
}

/** Holds several rows, each transaction in the same order. */
export async function lockInstallations(tx: Tx, ids: readonly string[]): Promise<void> {
  const rows = tx('installations').whereRaw(isAmong(tx, 'id', [...new Set(ids)]))
  await locked(rows.orderBy('id')).select('id')
}

/** Holds an installation that must not be uninstalled meanwhile. Throws `installation.not_active` where it is already. */
export async function holdInstallation(tx: Tx, id: string): Promise<Installation> {
  const installation = await lockInstallation(tx, id)
  if (!installation || installation.status === 'uninstalled') throw new AppError('installation.not_active')
  return installation
}
