import type { Knex } from 'knex'
import type { Database, Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'
import { SECOND } from '../base/clock.ts'
import { type DeliveryRow, type EventContent, readEvents, STILL_PENDING } from './delivery-store.ts'

export type ClaimedDelivery = DeliveryRow & EventContent

/** An app with no room left for slow deliveries, or for quick ones: nothing more of that pace may be claimed. */
export type FullLane = { appId: string; slow: boolean }

/** Longer than an attempt can take, so that a lease expires only if its worker has died. */
export const LEASE = 25 * SECOND

export type Claim = {
  lease: string
  at: number
  until: number
  most: number
  /** How many deliveries of this app and pace may be claimed. */
  roomFor(appId: string, slow: boolean): number
  /** Apps and paces with no room. */
  full: readonly FullLane[]
}

/** A literal: with a parameter neither database can use the index of pending deliveries. */
const PENDING = "d.status = 'pending'"

/** A ping belongs to no installation and has no order. */
const PING = 'd.installation_id is null'

/** An event waits for the earlier ones of its installation. A redelivery neither waits nor delays others. */
const IN_TURN = `(${PING} or d.redelivery or d.sequence = (select e.sequence from deliveries as e
  where e.installation_id = d.installation_id and e.${STILL_PENDING} and not e.redelivery
  order by e.status, e.sequence limit 1))` // in the order of an index: however much waits there, one step

/** Apps in one claim. SQLite accepts at most 500 parts of a union. */
const MOST_APPS = 400
/** How many due deliveries of an app are searched for leases; more than a worker leases. */
const LOOKED_THROUGH = 1_100

/**
 * Leases due deliveries to one worker, at most as many of each app as there is room for. On PostgreSQL rows that another worker
 * is claiming are skipped.
 */
export async function claimDue(tx: Tx, kind: Database['kind'], claim: Claim): Promise<ClaimedDelivery[]> {
  const apps = (await appsInTurn(tx, claim.full, claim.at, claim.at)).slice(0, Math.min(claim.most, MOST_APPS))
  const chosen = byTurns(await earliestOf(tx, apps, claim)).slice(0, claim.most)
  if (chosen.length === 0) return []
  const ids = chosen.map(({ id }) => id)
  const order = new Map(ids.map((id, index) => [id, index]))
  const free = unleased(
    tx('deliveries as d')
      .whereRaw(isAmong(tx, 'd.id', ids))
      .whereRaw(PENDING),
    claim.at,
  ).select('d.id')
  if (kind === 'postgres') free.forUpdate().skipLocked()
  const leased: DeliveryRow[] = await tx('deliveries')
    .whereIn('id', free)
    .update({ lease: claim.lease, lease_until: claim.until }) // neither column is indexed: PostgreSQL updates the row in place
    .returning('*')
  const events = await readEvents(
    tx,
    leased.map(row => row.event_id),
  )
  return leased
    .map(row => ({ ...row, ...contentOf(events, row) }))
    .toSorted((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0))
}

/** When the next unleased delivery is due, or a lease ends; undefined if none is pending. */
export async function nextDueAt(tx: Tx, full: readonly FullLane[], at: number): Promise<number | undefined> {
  const [[first], lease] = [await appsInTurn(tx, full, at, FOREVER), await firstLeaseEnd(tx, full, at)]
  const times = [first?.due, lease].filter(time => time !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}

const FOREVER = Number.MAX_SAFE_INTEGER

/**
 * The apps with unleased pending deliveries, per pace, with the time at which the first is due, earliest first. To apps that
 * responded 410 only pings are sent, which detect that the address works again. It takes two steps per app, however many
 * deliveries wait there.
 */
async function appsInTurn(tx: Tx, full: readonly FullLane[], at: number, until: number): Promise<AppInTurn[]> {
  const first = (ofApp: string) =>
    unleased(tx('deliveries as d').whereRaw(PENDING).whereRaw(ofApp).whereRaw('d.slow = w.slow'), at)
      .where('d.next_attempt_at', '<=', until) // a bound: without it SQLite may choose another index
      .orderBy('d.next_attempt_at')
      .limit(1)
      .select('d.next_attempt_at')
  const due = [first(turnOf('w.app_id', true)), first(turnOf('w.app_id', false))]
  const apps = eachApp(tx, full)
    .select('w.app_id', 'w.slow', tx.raw(`${GONE} as gone`))
    .select(tx.raw(`case when ${GONE} then ? else ? end as due`, due))
  const rows: (Omit<AppInTurn, 'due'> & { due: number | null })[] = await tx
    .withRecursive('waiting', ['app_id'], EACH_APP(tx))
    .from(apps.as('apps'))
    .select('app_id', 'slow', 'due', 'gone')
  return rows
    .flatMap(row => (row.due === null ? [] : { ...row, slow: Boolean(row.slow), due: row.due }))
    .toSorted((a, b) => a.due - b.due)
}

/** When the first lease ends. Leased deliveries are among the first due ones, so only those are searched. */
async function firstLeaseEnd(tx: Tx, full: readonly FullLane[], at: number): Promise<number | undefined> {
  const due = tx('deliveries as d')
    .whereRaw(`${PENDING} and d.app_id = w.app_id and d.slow = w.slow`)
    .where('d.next_attempt_at', '<=', at)
    .orderBy('d.next_attempt_at')
    .limit(LOOKED_THROUGH)
    .select('d.lease_until')
  const end = tx.from(due.as('due')).where('lease_until', '>', at).min('lease_until')
  const apps = eachApp(tx, full).select(tx.raw('? as lease_end', [end]))
  const row: { first: number | null } | undefined = await tx
    .withRecursive('waiting', ['app_id'], EACH_APP(tx))
    .from(apps.as('apps'))
    .min({ first: 'lease_end' })
    .first()
  return row?.first ?? undefined
}

/** Each app twice, once per pace. */
export function eachApp(tx: Tx, full: readonly FullLane[]) {
  const named = (slow: boolean) => full.filter(lane => lane.slow === slow).map(({ appId }) => appId)
  const paces = [false, true].map(slow =>
    tx('waiting')
      .whereNotNull('app_id')
      .whereNotIn('app_id', named(slow))
      .select('app_id', tx.raw(`${slow} as slow`)),
  )
  return tx.from(tx.unionAll(paces).as('w'))
}

/**
 * Which deliveries of an app may be sent. Pings are few and have their own lookup, so deliveries to a dead address are not
 * scanned.
 */
function turnOf(app: string, gone: boolean | number): string {
  return gone ? `${PING} and coalesce(d.app_id, '') = ${app}` : `d.app_id = ${app} and ${IN_TURN}`
}

type AppInTurn = { app_id: string; slow: boolean; due: number; gone: boolean | number }

const GONE = 'exists (select 1 from apps as a where a.id = w.app_id and a.gone_address is not null)'

/** Steps from app to app in the index; a `distinct` would read every pending delivery. */
export const EACH_APP = (tx: Tx) =>
  tx.raw(`select min(d.app_id) from deliveries as d where ${PENDING}
    union all
    select (select min(d.app_id) from deliveries as d where ${PENDING} and d.app_id > waiting.app_id)
    from waiting where waiting.app_id is not null`)

type Due = { id: string; app_id: string; next_attempt_at: number }

/** The first delivery of each app, then the second of each, and so on: a long queue of one app does not delay the others. */
function byTurns(due: readonly Due[]): Due[] {
  const counts = new Map<string, number>()
  const ranked = due
    .toSorted((a, b) => a.next_attempt_at - b.next_attempt_at || (a.id < b.id ? -1 : 1))
    .map(row => {
      const rank = counts.get(row.app_id) ?? 0
      counts.set(row.app_id, rank + 1)
      return { row, rank }
    })
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ row }) => row) // stable: keeps the earliest first
}

/** The due deliveries of each app, as many as it has room for. */
async function earliestOf(tx: Tx, apps: readonly AppInTurn[], claim: Claim): Promise<Due[]> {
  if (apps.length === 0) return []
  const shares = apps.map(({ app_id, slow, gone }) =>
    tx
      .from(
        unleased(tx('deliveries as d').whereRaw(turnOf('?', gone), [app_id]), claim.at)
          .whereRaw(`${PENDING} and d.slow = ${slow}`)
          .where('d.next_attempt_at', '<=', claim.at)
          .orderBy(['d.next_attempt_at', 'd.id'])
          .limit(claim.roomFor(app_id, slow))
          .select('d.id', 'd.app_id', 'd.next_attempt_at')
          .as('share'),
      )
      .select('id', 'app_id', 'next_attempt_at'),
  )
  return await tx.unionAll(shares)
}

/** Leased by no worker, or by one whose lease has ended. */
function unleased(query: Knex.QueryBuilder, at: number): Knex.QueryBuilder {
  return query.where(free => free.whereNull('d.lease_until').orWhere('d.lease_until', '<=', at))
}

function contentOf(events: ReadonlyMap<string, EventContent>, { event_id }: DeliveryRow): EventContent {
  const content = events.get(event_id)
  if (!content) throw new Error(`event ${event_id} is missing`)
  return content
}
