import type { Database } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import { type Clock, MINUTE } from '../base/clock.ts'
import { sweepRecords } from './grants.ts'
import { deleteBeyond } from './record-store.ts'

/** Authorization requests that may be open at once, of all apps; anybody can begin one. */
const MOST_OPEN = 50_000

/**
 * Deletes what has lapsed of the authorization server's records, and of the open authorization requests those that lapse
 * first where there are more than `most`. Returns when to look again.
 */
export async function sweepOpenRequests(
  { database, clock }: { database: Database; clock: Clock },
  most = MOST_OPEN,
): Promise<number> {
  const at = clock.now()
  await sweepRecords(database, at)
  await deleteInBatches(database, (tx, limit) => deleteBeyond(tx, 'Interaction', most, limit))
  return at + MINUTE
}
