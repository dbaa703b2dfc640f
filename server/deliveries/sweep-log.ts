import type { Database } from '../../db/connect.ts'
import { DAY } from '../base/clock.ts'
import { deleteSettledBefore } from './delivery-log-store.ts'

const KEPT = 30 * DAY
/** Small enough that no delivery waits for it. */
const BATCH = 500

/** Deletes what was settled more than 30 days ago, in batches of one transaction each; answers how many deliveries. */
export async function sweepDeliveryLog(database: Database, at: number): Promise<number> {
  let swept = 0
  for (;;) {
    const count = await database.transaction(tx => deleteSettledBefore(tx, at - KEPT, BATCH))
    swept += count
    if (count < BATCH) return swept
  }
}
