import { locked, type Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'
import { AppError } from '../base/errors.ts'
import { type Installation, type InstallationRow, toInstallation } from './installation.ts'
import { readInstallations } from './installation-store.ts'

/** Locks the row until the transaction ends, which serializes decisions about its keys. */
export async function lockInstallation(tx: Tx, id: string): Promise<Installation | undefined> {
  const row: InstallationRow | undefined = await locked(readInstallations(tx).where({ id })).first()
  return row && toInstallation(row)
}

/** Locks several rows, in the same order in every transaction, which prevents deadlocks. */
export async function lockInstallations(tx: Tx, ids: readonly string[]): Promise<void> {
  const rows = tx('installations').whereRaw(isAmong(tx, 'id', [...new Set(ids)]))
  await locked(rows.orderBy('id')).select('id')
}

/** Locks an installation, so that it cannot be uninstalled meanwhile. Throws `installation.not_active` if it already is. */
export async function lockLiveInstallation(tx: Tx, id: string): Promise<Installation> {
  const installation = await lockInstallation(tx, id)
  if (!installation || installation.status === 'uninstalled') throw new AppError('installation.not_active')
  return installation
}
