import type { Knex } from 'knex'
import type { Tx } from '../../db/connect.ts'
import { newestOf } from '../../db/in-order.ts'
import { firstIdAt } from '../base/ids.ts'
import type { DeliveryStatus } from './delivery-store.ts'

export type DeliveryCounts = Record<'pending' | 'delivered' | 'failed', number> & {
  /** Counting stopped at the bound; there are more. */
  more: boolean
}

/**
 * How many deliveries of these apps are pending, and the outcomes of those queued since a time. Counts at most `most` of each
 * app and kind; of delivered ones, the latest.
 */
export async function countDeliveries(
  tx: Tx,
  appIds: readonly string[],
  { since, most }: { since: number; most: number },
): Promise<DeliveryCounts> {
  const counts: DeliveryCounts = { pending: 0, delivered: 0, failed: 0, more: false }
  for (const appId of appIds) {
    const latest = () => newestOf(tx('deliveries'), ['app_id', 'id'], appId).where('id', '>=', firstIdAt('dlv', since))
    const kinds = {
      pending: tx('deliveries').where({ app_id: appId }).whereRaw("status = 'pending'"), // literals, as in the indexes
      failed: latest().whereRaw("status = 'failed'"),
    }
    for (const [kind, query] of Object.entries(kinds) as ['pending' | 'failed', Knex.QueryBuilder][]) {
      const some = tx.from(
        query
          .select('id')
          .limit(most + 1)
          .as('some'),
      )
      const row: { count?: number | string } | undefined = await some.count({ count: '*' }).first()
      counts[kind] += Math.min(Number(row?.count ?? 0), most)
      counts.more ||= Number(row?.count ?? 0) > most
    }
    const some = tx.from(
      latest()
        .select('status')
        .limit(most + 1)
        .as('some'),
    )
    const rows: { status: DeliveryStatus; count: number | string }[] = await some
      .groupBy('status')
      .select('status')
      .count({ count: '*' })
    counts.delivered += Number(rows.find(({ status }) => status === 'delivered')?.count ?? 0)
    counts.more ||= rows.reduce((sum, { count }) => sum + Number(count), 0) > most
  }
  return counts
}
