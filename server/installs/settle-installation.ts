import type { Tx } from '../../db/connect.ts'
import { settleKeys } from '../keys/settle-keys.ts'
import { endSettlement, findSettlement } from './installation-store.ts'
import { lockInstallation } from './lock-installation.ts'

/** Short enough that other transactions do not wait noticeably. */
const BATCH = 200

/**
 * Writes the decision of an uninstall into the rows of its keys after a position; the decision itself takes effect with the
 * uninstall. Returns the next position, or undefined once every key is settled.
 */
export async function settleInstallation(tx: Tx, installationId: string, after: string): Promise<string | undefined> {
  await lockInstallation(tx, installationId)
  const settlement = await findSettlement(tx, installationId)
  if (!settlement) return undefined
  const last = await settleKeys(tx, installationId, settlement, { after, limit: BATCH })
  if (last === undefined) await endSettlement(tx, installationId)
  return last
}
