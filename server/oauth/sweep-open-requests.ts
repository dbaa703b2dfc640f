import type { Database } from '../../db/connect.ts'
import { type Clock, MINUTE } from '../base/clock.ts'
import { deleteBeyond, deleteExpiredRecords } from './record-store.ts'

/** Authorization requests that may be open at once, of all apps; anybody can begin one. */
const MOST_OPEN = 50_000
const BATCH = 1_000

/**
 * Deletes what has lapsed of the authorization server's records, and of the open authorization requests those that lapse
 * first where there are more than `most`. Returns when to look again.
 */
export async function sweepOpenRequests(
  { database, clock }: { database: Database; clock: Clock },
  most = MOST_OPEN,
): Promise<number> {
  const at = clock.now()
  await database.relaxed(tx => deleteExpiredRecords(tx, at))
  let deleted = BATCH
  while (deleted === BATCH) deleted = await database.relaxed(tx => deleteBeyond(tx, 'Interaction', most, BATCH))
  return at + MINUTE
}
