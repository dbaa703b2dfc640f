import type { Tx } from '../../db/connect.ts'
import { EACH_APP, eachApp } from './claim-store.ts'

/** Counting stops here, so that a metrics scrape costs the same however long the queue is. */
const MOST_COUNTED = 50_000

/**
 * The number of pending deliveries, counted up to a bound, and since when the oldest due one waits. Both come from the index of
 * pending deliveries.
 */
export async function queueState(
  tx: Tx,
  at: number,
  most = MOST_COUNTED,
): Promise<{ pending: number; oldestDueAt: number | undefined }> {
  const order = ['app_id', 'slow', 'next_attempt_at', 'id']
  const some = tx('deliveries').whereRaw("status = 'pending'").orderBy(order).limit(most).select('id')
  const all: { count?: number | string } | undefined = await tx.from(some.as('some')).count({ count: '*' }).first()
  const first = await firstAttemptAt(tx)
  return { pending: Number(all?.count ?? 0), oldestDueAt: first !== undefined && first <= at ? first : undefined }
}

/** Steps from app to app: no index has the times of all apps in order. */
async function firstAttemptAt(tx: Tx): Promise<number | undefined> {
  const first = tx('deliveries as d')
    .whereRaw("d.status = 'pending' and d.app_id = w.app_id and d.slow = w.slow")
    .orderBy('d.next_attempt_at')
    .limit(1)
    .select('d.next_attempt_at')
  const apps = eachApp(tx, []).select(tx.raw('? as first', [first]))
  const row: { first: number | null } | undefined = await tx
    .withRecursive('waiting', ['app_id'], EACH_APP(tx))
    .from(apps.as('apps'))
    .min({ first: 'first' })
    .first()
  return row?.first ?? undefined
}
