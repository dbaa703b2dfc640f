import type { Knex } from 'knex'
import { lockedOrSkipped, type Tx } from '../../db/connect.ts'
import { deleteFirst } from '../../db/delete-in-batches.ts'
import { newestOf } from '../../db/in-order.ts'
import { isAmong } from '../../db/json-rows.ts'
import { firstIdAt } from '../base/ids.ts'
import type { AttemptRow } from './attempt-store.ts'
import type { DeliveryRow, DeliveryStatus } from './delivery-store.ts'
import type { EventType } from './event-type.ts'

export type DeliveryPage = {
  appId: string
  status?: DeliveryStatus | undefined
  installationId?: string | undefined
  before?: string | undefined
  limit: number
}

/** All deliveries, the newest first; of one app or with one status if they are given. */
export async function pageAllDeliveries(
  tx: Tx,
  page: Omit<DeliveryPage, 'appId' | 'installationId'> & { appId?: string | undefined },
): Promise<TypedDelivery[]> {
  const { appId, ...rest } = page
  if (appId !== undefined) return await pageDeliveries(tx, { appId, ...rest })
  const query = withTypes(tx).limit(page.limit)
  if (page.before !== undefined) query.where('deliveries.id', '<', page.before)
  if (page.status === undefined || page.status === 'delivered') query.orderBy('deliveries.id', 'desc')
  else query.orderByRaw("deliveries.id || '' desc") // few rows, which have an index of their own
  return await (page.status ? query.whereRaw(`deliveries.status = '${page.status}'`) : query)
}

type TypedDelivery = DeliveryRow & { type: EventType }

/** Newest first, each with its event's type. */
export async function pageDeliveries(tx: Tx, page: DeliveryPage): Promise<TypedDelivery[]> {
  if (page.installationId !== undefined) return await pageOfInstallation(tx, page, page.installationId)
  const ids: string[] = await (page.status === 'pending' ? pendingOf(tx, page) : newestOfApp(tx, page)).pluck('id')
  return await withTypes(tx)
    .whereRaw(isAmong(tx, 'deliveries.id', ids))
    .orderBy('deliveries.id', 'desc')
}

const withTypes = (tx: Tx) =>
  tx('deliveries').join('events', 'events.id', 'deliveries.event_id').select('deliveries.*', 'events.type')

function newestOfApp(tx: Tx, { appId, status, before, limit }: DeliveryPage): Knex.QueryBuilder {
  const query = newestOf(tx('deliveries'), ['app_id', 'id'], appId, before).limit(limit)
  return status ? query.whereRaw(`status = '${status}'`) : query // a literal, as in the index of failed ones
}

/** The index of pending deliveries has another order, so only ids are read from it and sorted. */
function pendingOf(tx: Tx, { appId, before, limit }: DeliveryPage): Knex.QueryBuilder {
  const query = tx('deliveries').whereRaw("status = 'pending'").where({ app_id: appId })
  if (before !== undefined) query.where('id', '<', before)
  return query.orderByRaw("id || '' desc").limit(limit) // no index has this order: PostgreSQL would otherwise scan by id
}

/**
 * Uses the index of the installation's events: an app has many more deliveries than an installation, and no index of deliveries
 * has the installation.
 */
async function pageOfInstallation(tx: Tx, page: DeliveryPage, installationId: string): Promise<TypedDelivery[]> {
  const last = page.before === undefined ? undefined : await findDeliveryRow(tx, page.before)
  const query = withTypes(tx).where({ 'events.installation_id': installationId, 'deliveries.app_id': page.appId })
  if (page.status) query.where('deliveries.status', page.status)
  if (last?.installation_id === installationId && last.sequence !== null)
    query.where('events.sequence', '<', last.sequence)
  else if (page.before !== undefined) query.where('deliveries.id', '<', page.before)
  return await query.orderBy('events.sequence', 'desc').limit(page.limit)
}

/** Latest attempts of one delivery; it can be redelivered any number of times. */
const MOST_ATTEMPTS = 100

/** The latest attempts of each delivery in order. */
export async function listAttempts(tx: Tx, deliveryIds: readonly string[]): Promise<AttemptRow[]> {
  const latest = `a.number > (select max(b.number) - ? from delivery_attempts as b where b.delivery_id = a.delivery_id)`
  return await tx('delivery_attempts as a')
    .whereIn('a.delivery_id', [...deliveryIds])
    .whereRaw(latest, [MOST_ATTEMPTS])
    .orderBy('a.number')
    .select('a.*')
}

export async function findDeliveryRow(tx: Tx, id: string): Promise<(DeliveryRow & { type: EventType }) | undefined> {
  return await tx('deliveries')
    .join('events', 'events.id', 'deliveries.event_id')
    .where('deliveries.id', id)
    .first('deliveries.*', 'events.type')
}

/** Deletes deliveries settled before a time, with their attempts and events, at most `limit`; returns how many. */
export async function deleteSettledBefore(tx: Tx, before: number, limit: number): Promise<number> {
  const settled = tx('deliveries').where('settled_at', '<', before).orderBy('settled_at') // null while pending
  const rows: { id: string; event_id: string }[] = await lockedOrSkipped(settled.limit(limit)).select('id', 'event_id')
  const ids = rows.map(row => row.id)
  await tx('delivery_attempts').whereIn('delivery_id', ids).delete()
  await tx('deliveries').whereIn('id', ids).delete()
  await tx('events')
    .whereIn(
      'id',
      rows.map(row => row.event_id),
    )
    .delete()
  return rows.length
}

/**
 * Deletes events from before a time that have no delivery, because their app has no delivery address; at most `limit`. Returns
 * how many. Ids are in the order of time, so the primary key bounds the scan.
 */
export async function deleteUnsentBefore(tx: Tx, before: number, limit: number): Promise<number> {
  const unsent = tx('events')
    .where('events.id', '<', firstIdAt('evt', before))
    .whereNotExists(tx('deliveries').whereRaw('deliveries.event_id = events.id').select('deliveries.id'))
    .orderBy('events.id')
  return await deleteFirst(tx, 'events', ['id'], unsent, limit)
}
