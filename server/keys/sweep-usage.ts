import type { Database } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import { DAY } from '../base/clock.ts'
import { deleteHoursBefore, deleteSeenUpTo, pageSeen, type SeenKind, seenAtRank } from './usage-store.ts'

/** Pages show 30 days; older use helps investigations. */
const KEPT = 90 * DAY
/** The most addresses of one key; the latest stay. */
const MOST_ADDRESSES = 1_000
/** The number of keys that are read together. */
const PAGE = 100

/** Deletes use older than 90 days, and addresses beyond the latest thousand of a key; returns how many rows. */
export async function sweepUsage(database: Database, at: number): Promise<number> {
  const before = at - KEPT
  let swept = await deleteInBatches(database, (tx, limit) => deleteHoursBefore(tx, before, limit))
  for (const kind of ['addresses', 'permissions'] as const) swept += await sweepSeen(database, kind, before)
  return swept
}

/** Goes key by key: an index of the times would have to be written with each batch of usage. */
async function sweepSeen(database: Database, kind: SeenKind, before: number): Promise<number> {
  for (let [after, swept] = ['', 0]; ; ) {
    const keys = await database.read(tx => pageSeen(tx, kind, after, PAGE))
    const last = keys.at(-1)
    if (!last) return swept
    after = last.keyId
    for (const { keyId, total, first } of keys) {
      const crowded = kind === 'addresses' && total > MOST_ADDRESSES
      if (!crowded && first >= before) continue
      const beyond = crowded ? await database.read(tx => seenAtRank(tx, keyId, MOST_ADDRESSES)) : undefined
      const upTo = Math.max(before - 1, beyond ?? 0)
      swept += await deleteInBatches(database, (tx, limit) => deleteSeenUpTo(tx, kind, { keyId, upTo }, limit))
    }
  }
}
