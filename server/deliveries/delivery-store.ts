import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'
import { isAmong, jsonRows } from '../../db/json-rows.ts'
import type { EventType } from './event-type.ts'

/** Transitions: pending → delivered | failed | cancelled. A redelivery adds attempts to the same delivery. */
export type DeliveryStatus = 'pending' | 'delivered' | 'failed' | 'cancelled'

export type DeliveryRow = {
  id: string
  event_id: string
  app_id: string
  /** Null for a ping, which has no order. */
  installation_id: string | null
  sequence: number | null
  key_id: string | null
  status: DeliveryStatus
  attempts: number
  next_attempt_at: number
  lease: string | null
  lease_until: number | null
  /** A redelivery: it neither waits for the other events of its installation nor delays them. */
  redelivery: boolean
  /** Its last attempt was slow: it uses separate slots. */
  slow: boolean
  created_at: number
  settled_at: number | null
}

export type NewEvent = {
  id: string
  type: EventType
  appId: string
  installationId: string | null
  sequence: number | null
  body: string
  at: number
}

/**
 * `status = 'pending'` for a query by installation, key or id, in a form that the index of pending deliveries does not match:
 * without statistics PostgreSQL would choose that index and read every pending delivery for each row.
 */
export const STILL_PENDING = "status between 'pending' and 'pending'"

/** Now, or no earlier than the installation's earlier events that wait for a retry. */
function notBeforeOthers(tx: Tx, { at, installationId }: NewEvent) {
  return tx.raw(
    `(select coalesce(max(case when next_attempt_at > ? then next_attempt_at else ? end), ?) from deliveries
      where installation_id = ? and ${STILL_PENDING} and not redelivery)`,
    [at, at, at, installationId],
  )
}

export type EventContent = { type: EventType; body: string }

export async function insertEvent(tx: Tx, event: NewEvent): Promise<void> {
  await tx('events').insert({
    id: event.id,
    type: event.type,
    app_id: event.appId,
    installation_id: event.installationId,
    sequence: event.sequence,
    body: event.body,
    created_at: event.at,
  })
}

export async function insertDelivery(
  tx: Tx,
  delivery: { id: string; event: NewEvent; keyId: string | null },
): Promise<void> {
  const { event } = delivery
  await tx('deliveries').insert({
    id: delivery.id,
    event_id: event.id,
    app_id: event.appId,
    installation_id: event.installationId,
    sequence: event.sequence,
    key_id: delivery.keyId,
    status: 'pending',
    attempts: 0,
    next_attempt_at: notBeforeOthers(tx, event),
    created_at: event.at,
  })
  announce(tx, 'deliveries')
}

export async function readEvents(tx: Tx, ids: readonly string[]): Promise<Map<string, EventContent>> {
  const rows: (EventContent & { id: string })[] = await tx('events')
    .whereRaw(isAmong(tx, 'id', ids))
    .select('id', 'type', 'body')
  return new Map(rows.map(({ id, type, body }) => [id, { type, body }]))
}

export async function readEvent(tx: Tx, id: string): Promise<EventContent> {
  const event = (await readEvents(tx, [id])).get(id)
  if (!event) throw new Error(`event ${id} is missing`)
  return event
}

type Leased = Pick<DeliveryRow, 'id' | 'lease' | 'installation_id' | 'sequence' | 'redelivery'>

/**
 * Deliveries that the worker still has leased. Cancelled ones and those that another worker has leased since are not settled.
 */
function stillHeld(tx: Tx, deliveries: readonly Leased[]) {
  const leases = deliveries.map(({ id, lease }) => [id, lease])
  return tx('deliveries')
    .whereRaw(
      isAmong(
        tx,
        'id',
        deliveries.map(({ id }) => id),
      ),
    )
    .whereRaw(STILL_PENDING)
    .whereRaw('(id, lease) in (?)', [jsonRows(tx, { id: 'text', lease: 'text' }, leases)])
}

const released = (tx: Tx) => ({ attempts: tx.raw('attempts + 1'), lease: null, lease_until: null })

/**
 * Settles deliveries that this worker still has leased and releases the next events of their installations. Returns the settled
 * ones.
 */
export async function settle(
  tx: Tx,
  deliveries: readonly Leased[],
  status: 'delivered' | 'failed',
  at: number,
): Promise<Set<string>> {
  if (deliveries.length === 0) return new Set()
  const rows: { id: string; installation_id: string }[] = await stillHeld(tx, deliveries)
    .update({ status, settled_at: at, ...released(tx) })
    .returning(['id', 'installation_id'])
  await release(
    tx,
    rows.map(row => row.installation_id),
    at,
  )
  return new Set(rows.map(row => row.id))
}

/** Releases leased deliveries that were not attempted: any worker may claim them. */
export async function giveBack(tx: Tx, deliveries: readonly Leased[]): Promise<void> {
  if (deliveries.length === 0) return
  if ((await stillHeld(tx, deliveries).update({ lease: null, lease_until: null })) > 0) announce(tx, 'deliveries')
}

/** Schedules the next attempt of a delivery; later events of its installation wait for it. */
export async function postpone(tx: Tx, delivery: Leased, nextAttemptAt: number, slow: boolean): Promise<void> {
  const change = { next_attempt_at: nextAttemptAt, slow, ...released(tx) }
  if ((await stillHeld(tx, [delivery]).update(change)) === 0 || delivery.redelivery) return
  await tx('deliveries')
    .where({ installation_id: delivery.installation_id, redelivery: false })
    .whereRaw(STILL_PENDING)
    .where('sequence', '>', delivery.sequence)
    .where('next_attempt_at', '<', nextAttemptAt)
    .update({ next_attempt_at: nextAttemptAt })
}

/** Changes the end of a worker's leases after the clock was set. */
export async function renewLeases(tx: Tx, deliveries: readonly Leased[], until: number): Promise<void> {
  if (deliveries.length > 0) await stillHeld(tx, deliveries).update({ lease_until: until })
}

/** Releases events that waited for one that is now settled; those already attempted keep their schedule. */
export async function release(tx: Tx, installationIds: readonly string[], at: number): Promise<void> {
  if (installationIds.length === 0) return
  const count = await tx('deliveries')
    .whereRaw(isAmong(tx, 'installation_id', [...new Set(installationIds)]))
    .where({ attempts: 0 })
    .whereRaw(STILL_PENDING)
    .where('next_attempt_at', '>', at)
    .whereNull('lease')
    .update({ next_attempt_at: at })
  if (count > 0) announce(tx, 'deliveries')
}

/** Sends a settled delivery once more, from the beginning of the schedule; false if it is pending or was cancelled. */
export async function reopen(tx: Tx, id: string, at: number): Promise<boolean> {
  const change = {
    status: 'pending',
    redelivery: true,
    slow: false,
    attempts: 0,
    next_attempt_at: at,
    settled_at: null,
    lease: null,
    lease_until: null,
  }
  announce(tx, 'deliveries')
  return (await tx('deliveries').where({ id }).whereIn('status', ['delivered', 'failed']).update(change)) === 1
}
