import type { Tx } from '../../db/connect.ts'
import { settleKeys } from '../keys/settle-keys.ts'
import { endSettlement, findSettlement } from './installation-store.ts'
import { lockInstallation } from './lock-installation.ts'

/** Small enough that no other transaction waits noticeably. */
const BATCH = 200

/**
 * Writes what an uninstallation decided into the rows of its keys, those after a position; the decision itself counts from
 * the uninstallation on. Returns the next position, or undefined where every key is settled.
 */
export async function settleInstallation(tx: Tx, installationId: string, after: string): Promise<string | undefined> {
  await lockInstallation(tx, installationId)
  const settlement = await findSettlement(tx, installationId)
  if (!settlement) return undefined
  const last = await settleKeys(tx, installationId, settlement, { after, limit: BATCH })
  if (last === undefined) await endSettlement(tx, installationId)
  return last
}
