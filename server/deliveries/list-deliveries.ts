import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import type { AttemptRow } from './attempt-store.ts'
import {
  type DeliveryPage,
  findDeliveryRow,
  listAttempts,
  pageAllDeliveries,
  pageDeliveries,
} from './delivery-log-store.ts'
import { type DeliveryRow, readEvents } from './delivery-store.ts'
import type { EventType } from './event-type.ts'

export type DeliveryWithAttempts = DeliveryRow & { type: EventType; log: AttemptRow[] }

/** One page of an app's deliveries, newest first, each with all its attempts. */
export async function listAppDeliveries(tx: Tx, page: DeliveryPage): Promise<DeliveryWithAttempts[]> {
  const rows = await pageDeliveries(tx, page)
  const attempts = await listAttempts(
    tx,
    rows.map(row => row.id),
  )
  return rows.map(row => ({ ...row, log: attempts.filter(attempt => attempt.delivery_id === row.id) }))
}

/** One page of all deliveries, the newest first, each with its latest attempts. */
export async function listAllDeliveries(
  tx: Tx,
  page: Parameters<typeof pageAllDeliveries>[1],
): Promise<DeliveryWithAttempts[]> {
  const rows = await pageAllDeliveries(tx, page)
  const attempts = await listAttempts(
    tx,
    rows.map(row => row.id),
  )
  return rows.map(row => ({ ...row, log: attempts.filter(attempt => attempt.delivery_id === row.id) }))
}

/** One delivery with all its attempts. Throws `object.not_found`. */
export async function readDelivery(tx: Tx, id: string): Promise<DeliveryWithAttempts> {
  const row = await findDeliveryRow(tx, id)
  if (!row) throw new AppError('object.not_found')
  return { ...row, log: await listAttempts(tx, [id]) }
}

/** A delivery of an app with all its attempts. Throws `object.not_found`, also for another app's delivery. */
export async function readAppDelivery(tx: Tx, appId: string, id: string): Promise<DeliveryWithAttempts> {
  const delivery = await findAppDelivery(tx, appId, id)
  if (!delivery) throw new AppError('object.not_found')
  return delivery
}

/** The same, but undefined if the app has no such delivery. */
export async function findAppDelivery(tx: Tx, appId: string, id: string): Promise<DeliveryWithAttempts | undefined> {
  const row = await findDeliveryRow(tx, id)
  return row?.app_id === appId ? { ...row, log: await listAttempts(tx, [id]) } : undefined
}

/** The bodies of deliveries, by event id. */
export async function readBodies(tx: Tx, eventIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  return new Map([...(await readEvents(tx, eventIds))].map(([id, { body }]) => [id, body]))
}
