import { heldAtOnce, type Tx } from '../../db/connect.ts'
import type { AttemptRow } from './attempt-store.ts'
import type { DeliveryRow, DeliveryStatus } from './delivery-store.ts'
import type { EventType } from './event-type.ts'

type InstallationDelivery = DeliveryRow & {
  installation_id: string
  sequence: number
  type: EventType
  event_at: number
}
export type DeliveryView = InstallationDelivery & { last: AttemptRow | undefined }

const ofInstallations = (tx: Tx) =>
  tx('deliveries')
    .join('events', 'events.id', 'deliveries.event_id')
    .select('deliveries.*', 'events.type', 'events.created_at as event_at')

/** One page of an installation's deliveries, the latest first; `before` is the sequence that the last page ended with. */
export async function pageInstallationDeliveries(
  tx: Tx,
  page: { installationId: string; before?: number | undefined; limit: number },
): Promise<DeliveryView[]> {
  // By the index of its events: those of its deliveries are in the order of their status.
  const query = ofInstallations(tx).where('events.installation_id', page.installationId)
  if (page.before !== undefined) query.where('events.sequence', '<', page.before)
  return await withLastAttempts(tx, await query.orderBy('events.sequence', 'desc').limit(page.limit))
}

/** The deliveries of some keys in order, and before them the first of their installation that is pending. */
export async function listDeliveriesOfKeys(
  tx: Tx,
  installationId: string,
  keyIds: readonly string[],
): Promise<DeliveryView[]> {
  const pending: InstallationDelivery[] = await ofInstallations(tx)
    .where('deliveries.installation_id', installationId)
    .whereRaw("deliveries.status between 'pending' and 'pending'")
    .orderBy('deliveries.sequence')
    .limit(1)
  const own: InstallationDelivery[] = await ofInstallations(tx).whereIn('deliveries.key_id', [...keyIds])
  const rows = new Map([...pending, ...own].map(row => [row.id, row]))
  return await withLastAttempts(
    tx,
    [...rows.values()].sort((a, b) => a.sequence - b.sequence),
  )
}

async function withLastAttempts(tx: Tx, rows: readonly InstallationDelivery[]): Promise<DeliveryView[]> {
  const attempts: AttemptRow[] = await tx('delivery_attempts as a')
    .whereIn(
      'a.delivery_id',
      rows.map(row => row.id),
    )
    .whereRaw('a.number = (select max(b.number) from delivery_attempts as b where b.delivery_id = a.delivery_id)')
    .select('a.*')
  const last = new Map(attempts.map(attempt => [attempt.delivery_id, attempt]))
  return rows.map(row => ({ ...row, last: last.get(row.id) }))
}

export type DeliveryPage = {
  appId: string
  status?: DeliveryStatus | undefined
  installationId?: string | undefined
  before?: string | undefined
  limit: number
}

/** The newest first, each with its event's type. */
export async function pageDeliveries(tx: Tx, page: DeliveryPage): Promise<(DeliveryRow & { type: EventType })[]> {
  const query = tx('deliveries')
    .join('events', 'events.id', 'deliveries.event_id')
    .where('deliveries.app_id', page.appId)
    .orderBy('deliveries.id', 'desc')
    .limit(page.limit)
    .select('deliveries.*', 'events.type')
  if (page.installationId) query.where('deliveries.installation_id', page.installationId)
  if (page.status) query.where('deliveries.status', page.status)
  if (page.before) query.where('deliveries.id', '<', page.before)
  return await query
}

/** How many deliveries of these apps are pending, and how those made since a time ended. */
export async function countByStatus(
  tx: Tx,
  appIds: readonly string[],
  since: number,
): Promise<ReadonlyMap<DeliveryStatus, number>> {
  const rows: { status: DeliveryStatus; count: number | string }[] = await tx('deliveries')
    .whereIn('app_id', [...appIds])
    .where(when => when.where('created_at', '>=', since).orWhere('status', 'pending'))
    .groupBy('status')
    .select('status')
    .count({ count: '*' })
  return new Map(rows.map(({ status, count }) => [status, Number(count)]))
}

/** Of one delivery, which may be sent again any number of times; the latest. */
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

/** Deletes settled deliveries from before a time, with their attempts and events; at most `limit`, and answers how many. */
export async function deleteSettledBefore(tx: Tx, before: number, limit: number): Promise<number> {
  const settled = tx('deliveries').where('settled_at', '<', before).orderBy('settled_at') // null while it is pending
  const rows: { id: string; event_id: string }[] = await heldAtOnce(settled.limit(limit)).select('id', 'event_id')
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
