import type { Database, Tx } from '../../db/connect.ts'
import { deleteFirst, deleteInBatches } from '../../db/delete-in-batches.ts'

export type Draw = { id: string; want: number; at: number; endsAt: number; latest: number }
export type Drawn = { spent: number; endsAt: number }

/**
 * Adds `want` to the points spent in the window of a caller. Begins a new window, until `endsAt`, if the last one has
 * ended or would end after `latest`.
 */
export async function drawPoints(tx: Tx, { id, want, at, endsAt, latest }: Draw): Promise<Drawn> {
  const over = 'rate_limits.ends_at <= ? or rate_limits.ends_at > ?'
  const [row] = (await tx('rate_limits')
    .insert({ id, spent: want, ends_at: endsAt })
    .onConflict('id')
    .merge({
      spent: tx.raw(`case when ${over} then excluded.spent else rate_limits.spent + excluded.spent end`, [at, latest]),
      ends_at: tx.raw(`case when ${over} then excluded.ends_at else rate_limits.ends_at end`, [at, latest]),
    })
    .returning(['spent', 'ends_at'])) as { spent: number; ends_at: number }[]
  if (!row) throw new Error('the database returned no row for a counter')
  return { spent: row.spent, endsAt: row.ends_at }
}

export async function deleteCounter(tx: Tx, id: string): Promise<void> {
  await tx('rate_limits').where({ id }).delete()
}

/** Deletes the counters whose window has ended; returns how many. */
export async function deleteEndedCounters(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, async (tx, limit) => {
    const ended = tx('rate_limits').where('ends_at', '<=', at).orderBy('ends_at')
    return await deleteFirst(tx, 'rate_limits', ['id'], ended, limit)
  })
}
