import type { Database } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import { type Clock, MINUTE } from '../base/clock.ts'
import { sweepRecords } from './grants.ts'
import { deleteBeyond } from './record-store.ts'

/** The most open authorization requests of all apps; anybody can begin one. */
const MOST_OPEN = 50_000

/**
 * Deletes expired records of the authorization server, and the open authorization requests that expire first if there are more
 * than `most`. Returns when to run again.
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
