import type { Database } from '../../db/connect.ts'
import { DAY } from '../base/clock.ts'
import { deleteGrants, listGrantsAfter, listSpentOf } from './record-store.ts'

/** A grant is of no use once its codes and tokens have expired; the grants of the last day may still be in use. */
const KEPT = DAY
/** Short enough that other transactions do not wait noticeably. */
const BATCH = 500

/**
 * Deletes grants whose codes and tokens are all revoked or expired: each `prompt=none` and each *Continue* makes a grant. Run
 * it after expired tokens were deleted. Returns how many it deleted.
 */
export async function sweepGrants(database: Database, at: number, batch = BATCH): Promise<number> {
  for (let [after, swept] = ['', 0]; ; ) {
    const grants = await database.read(tx => listGrantsAfter(tx, after, at - KEPT, batch))
    const last = grants.at(-1)
    if (last === undefined) return swept
    after = last
    const spent = await database.read(tx => listSpentOf(tx, grants))
    if (spent.length > 0) await database.relaxed(tx => deleteGrants(tx, spent))
    swept += spent.length
  }
}
