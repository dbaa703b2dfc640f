import type { Database } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import { DAY } from '../base/clock.ts'
import { deleteSettledBefore, deleteUnsentBefore } from './delivery-log-store.ts'

const KEPT = 30 * DAY

/** Deletes deliveries settled more than 30 days ago, and events of that age that have no delivery. */
export async function sweepDeliveryLog(
  database: Database,
  at: number,
): Promise<{ deliveries: number; events: number }> {
  const deliveries = await deleteInBatches(database, (tx, limit) => deleteSettledBefore(tx, at - KEPT, limit))
  const events = await deleteInBatches(database, (tx, limit) => deleteUnsentBefore(tx, at - KEPT, limit))
  return { deliveries, events }
}
