import { announce } from '../../db/changes.ts'
import type { Database, Tx } from '../../db/connect.ts'
import type { EventType } from './event-type.ts'

/** Drawn: pending → delivered | failed | cancelled. A redelivery is a new attempt on the same delivery. */
export type DeliveryStatus = 'pending' | 'delivered' | 'failed' | 'cancelled'

export type DeliveryRow = {
  id: string
  event_id: string
  app_id: string
  installation_id: string
  sequence: number
  key_id: string | null
  status: DeliveryStatus
  attempts: number
  next_attempt_at: number
  lease: string | null
  lease_until: number | null
  created_at: number
  settled_at: number | null
}

export type NewEvent = {
  id: string
  type: EventType
  appId: string
  installationId: string
  sequence: number
  body: string
  at: number
}

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
    next_attempt_at: event.at,
    created_at: event.at,
  })
  announce(tx, 'deliveries')
}

export type Claim = {
  lease: string
  at: number
  until: number
  most: number
  mostPerApp: number
  /** Apps that have their share under way already. */
  busyApps: readonly string[]
  /** How many of each app this worker has under way; they count towards its share. */
  underWay: ReadonlyMap<string, number>
}

/**
 * Pending deliveries whose turn it is: an event waits for the earlier ones of its installation, and an app whose address
 * is gone waits until that changes.
 */
function whoseTurn(tx: Tx, busyApps: readonly string[]) {
  return tx('deliveries as d')
    .whereRaw("d.status = 'pending'") // a literal: with a parameter SQLite cannot use the index of what is pending
    .whereNotIn('d.app_id', [...busyApps])
    .whereNotExists(earlier =>
      earlier
        .from('deliveries as e')
        .whereRaw('e.installation_id = d.installation_id')
        .where('e.status', 'pending')
        .whereRaw('e.sequence < d.sequence')
        .select(tx.raw('1')),
    )
    .whereNotExists(gone =>
      gone.from('apps as a').whereRaw('a.id = d.app_id').whereNotNull('a.gone_address').select(tx.raw('1')),
    )
}

/**
 * Leases due deliveries to one worker. No app gets more than its share, however much it has waiting. On PostgreSQL rows
 * that another worker is claiming are passed over.
 */
export async function claimDue(tx: Tx, kind: Database['kind'], claim: Claim): Promise<DeliveryRow[]> {
  const due = whoseTurn(tx, claim.busyApps)
    .where('d.next_attempt_at', '<=', claim.at)
    .where(free => free.whereNull('d.lease_until').orWhere('d.lease_until', '<=', claim.at))
    .select('d.id', 'd.app_id', 'd.next_attempt_at')
    .rowNumber('place', query => query.partitionBy('d.app_id').orderBy('d.next_attempt_at').orderBy('d.id'))
  const chosen = tx
    .from(due.as('due'))
    .where('place', '<=', claim.mostPerApp)
    .orderBy('next_attempt_at')
    .limit(claim.most)
    .select('id')
  for (const [appId, count] of claim.underWay)
    chosen.where(share => share.whereNot('app_id', appId).orWhere('place', '<=', claim.mostPerApp - count))
  const free = tx('deliveries')
    .whereIn('id', chosen)
    .where('status', 'pending')
    .where(lease => lease.whereNull('lease_until').orWhere('lease_until', '<=', claim.at))
    .select('id')
  if (kind === 'postgres') free.forUpdate().skipLocked()
  const rows: { id: string }[] = await free
  const ids = rows.map(row => row.id)
  if (ids.length === 0) return []
  await tx('deliveries').whereIn('id', ids).update({ lease: claim.lease, lease_until: claim.until })
  return await tx('deliveries').whereIn('id', ids).orderBy('next_attempt_at').orderBy('sequence')
}

/** When the next delivery is due that nobody holds, or its lease ends; nothing where none is pending. */
export async function nextDueAt(tx: Tx, busyApps: readonly string[]): Promise<number | undefined> {
  const row: { due: number | null } | undefined = await whoseTurn(tx, busyApps)
    .select(
      tx.raw('min(case when d.lease_until > d.next_attempt_at then d.lease_until else d.next_attempt_at end) as due'),
    )
    .first()
  return row?.due ?? undefined
}

export async function readEvent(tx: Tx, eventId: string): Promise<{ type: EventType; body: string }> {
  const row: { type: EventType; body: string } | undefined = await tx('events')
    .where({ id: eventId })
    .first('type', 'body')
  if (!row) throw new Error(`event ${eventId} is missing`)
  return row
}

export type AttemptRow = {
  delivery_id: string
  number: number
  at: number
  status: number | null
  ms: number
  error: string | null
  answer: string
}

export async function insertAttempt(tx: Tx, row: Omit<AttemptRow, 'number'>): Promise<void> {
  const last: { number?: number | null } | undefined = await tx('delivery_attempts')
    .where({ delivery_id: row.delivery_id })
    .max({ number: 'number' })
    .first()
  await tx('delivery_attempts').insert({ ...row, number: (last?.number ?? 0) + 1 })
}

type Settled = Pick<DeliveryRow, 'id' | 'lease'>

/** Ends a delivery if this worker still holds it; false where it was cancelled or taken over meanwhile. */
export async function settle(
  tx: Tx,
  { id, lease }: Settled,
  status: 'delivered' | 'failed',
  at: number,
): Promise<boolean> {
  const change = { status, settled_at: at, attempts: tx.raw('attempts + 1'), lease: null, lease_until: null }
  return (await tx('deliveries').where({ id, lease, status: 'pending' }).update(change)) === 1
}

export async function postpone(tx: Tx, { id, lease }: Settled, nextAttemptAt: number): Promise<boolean> {
  const change = { next_attempt_at: nextAttemptAt, attempts: tx.raw('attempts + 1'), lease: null, lease_until: null }
  return (await tx('deliveries').where({ id, lease, status: 'pending' }).update(change)) === 1
}

/** Cancels deliveries that would hand over a key; those of other events go on. */
export async function cancelKeyDeliveries(tx: Tx, installationId: string, at: number): Promise<number> {
  return await tx('deliveries')
    .where({ installation_id: installationId, status: 'pending' })
    .whereNotNull('key_id')
    .update({ status: 'cancelled', settled_at: at, lease: null, lease_until: null })
}

export async function cancelDeliveryOfKey(tx: Tx, keyId: string, at: number): Promise<number> {
  return await tx('deliveries')
    .where({ key_id: keyId, status: 'pending' })
    .update({ status: 'cancelled', settled_at: at, lease: null, lease_until: null })
}

/** Makes the pending deliveries of an installation due now. */
export async function hurry(tx: Tx, installationId: string, at: number): Promise<number> {
  announce(tx, 'deliveries')
  return await tx('deliveries')
    .where({ installation_id: installationId, status: 'pending' })
    .where('next_attempt_at', '>', at)
    .update({ next_attempt_at: at })
}

/** Sends a settled delivery once more, from the beginning of the schedule; false where it is pending or was cancelled. */
export async function reopen(tx: Tx, id: string, at: number): Promise<boolean> {
  const change = {
    status: 'pending',
    attempts: 0,
    next_attempt_at: at,
    settled_at: null,
    lease: null,
    lease_until: null,
  }
  announce(tx, 'deliveries')
  return (await tx('deliveries').where({ id }).whereIn('status', ['delivered', 'failed']).update(change)) === 1
}
