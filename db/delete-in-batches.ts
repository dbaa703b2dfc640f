import { setTimeout } from 'node:timers/promises'
import type { Knex } from 'knex'
import type { Database, Tx } from './connect.ts'

/** Short enough that other transactions do not wait noticeably. */
const BATCH = 500
/** Delay between two batches in milliseconds, in which other processes can write on SQLite. */
const DELAY = 2

/** Deletes at most `limit` rows in the given transaction and returns how many. */
export type DeleteSome = (tx: Tx, limit: number) => Promise<number>

/**
 * Deletes any number of rows in transactions of at most `limit` rows. They do not wait for the disk: rows whose deletion a
 * power failure lost are deleted again later. Returns how many rows were deleted.
 */
export async function deleteInBatches(database: Database, some: DeleteSome, limit = BATCH): Promise<number> {
  for (let deleted = 0; ; ) {
    const count = await database.relaxed(tx => some(tx, limit))
    deleted += count
    if (count < limit) return deleted
    await setTimeout(DELAY)
  }
}

/** Deletes the first `limit` rows of a query on `table`; `key` names the columns of its primary key. */
export async function deleteFirst(
  tx: Tx,
  table: string,
  key: readonly string[],
  rows: Knex.QueryBuilder,
  limit: number,
): Promise<number> {
  return await tx(table)
    .whereIn([...key], rows.limit(limit).select(...key))
    .delete()
}
