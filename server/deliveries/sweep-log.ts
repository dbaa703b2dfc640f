import type { Database } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import { DAY } from '../base/clock.ts'
import { deleteSettledBefore } from './delivery-log-store.ts'

const KEPT = 30 * DAY

/** Deletes what was settled more than 30 days ago; returns how many deliveries. */
export async function sweepDeliveryLog(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, (tx, limit) => deleteSettledBefore(tx, at - KEPT, limit))
}
