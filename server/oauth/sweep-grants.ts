import type { Database } from '../../db/connect.ts'
import { DAY } from '../base/clock.ts'
import { deleteGrants, listGrantsAfter, listSpentOf } from './record-store.ts'

/** A grant is no use any more once its codes and tokens have lapsed; those of today may still be in somebody's hands. */
const KEPT = DAY
/** Small enough that no other transaction waits noticeably. */
const BATCH = 500

/**
 * Deletes grants whose codes and tokens were all revoked or have lapsed: each `prompt=none` makes a grant, and each
 * *Continue*. Call it after lapsed tokens were deleted. Returns how many it deleted.
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
