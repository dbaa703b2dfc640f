import type { Knex } from 'knex'
import type { Database, Tx } from '../../db/connect.ts'
import { type DeliveryRow, type EventContent, readEvents } from './delivery-store.ts'

export type ClaimedDelivery = DeliveryRow & EventContent

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

/** A literal: with a parameter neither database can use the index of what is pending. */
const PENDING = "d.status = 'pending'"

/** It belongs to no installation, and so to no order. */
const PING = 'd.installation_id is null'

/** An event waits for the earlier ones of its installation; one that is sent once more waits for none and holds up none. */
const IN_TURN = `(${PING} or d.redelivery or d.sequence = (select min(e.sequence) from deliveries as e
  where e.installation_id = d.installation_id and e.status = 'pending' and not e.redelivery))`

/**
 * Leases due deliveries to one worker. No app gets more than its share, however much it has waiting. On PostgreSQL rows
 * that another worker is claiming are passed over.
 */
export async function claimDue(tx: Tx, kind: Database['kind'], claim: Claim): Promise<ClaimedDelivery[]> {
  const apps = (await appsInTurn(tx, claim.busyApps, claim.at))
    .filter(({ due }) => due <= claim.at)
    .slice(0, claim.most)
  const due = await earliestOf(tx, apps, claim)
  const chosen = due.toSorted((a, b) => a.next_attempt_at - b.next_attempt_at).slice(0, claim.most)
  if (chosen.length === 0) return []
  const ids = chosen.map(({ id }) => id)
  const free = unleased(tx('deliveries as d').whereIn('d.id', ids).whereRaw(PENDING), claim.at).select('d.id')
  if (kind === 'postgres') free.forUpdate().skipLocked()
  const leased: DeliveryRow[] = await tx('deliveries')
    .whereIn('id', free)
    .update({ lease: claim.lease, lease_until: claim.until, next_attempt_at: claim.until })
    .returning('*')
  const events = await readEvents(
    tx,
    leased.map(row => row.event_id),
  )
  return leased
    .map(row => ({ ...row, ...contentOf(events, row) }))
    .toSorted((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id))
}

/** When the next delivery is due that nobody holds, or its lease ends; nothing where none is pending. */
export async function nextDueAt(tx: Tx, busyApps: readonly string[]): Promise<number | undefined> {
  const [first] = await appsInTurn(tx, busyApps)
  return first?.due
}

/**
 * The apps that something waits for, with the time at which the first of it is due, the earliest first. Of those whose
 * address is gone only pings go out: they are how one finds out that it is back. It takes one step for each app, however
 * much waits there.
 */
async function appsInTurn(tx: Tx, busyApps: readonly string[], freeAt?: number): Promise<AppInTurn[]> {
  const first = (ofApp: string) => {
    const query = tx('deliveries as d')
      .whereRaw(PENDING)
      .whereRaw(ofApp)
      .where('d.next_attempt_at', '<=', freeAt ?? Number.MAX_SAFE_INTEGER) // a bound: else SQLite may take another index
      .orderBy('d.next_attempt_at')
      .limit(1)
      .select(tx.raw('case when d.lease_until > d.next_attempt_at then d.lease_until else d.next_attempt_at end'))
    return freeAt === undefined ? query : unleased(query, freeAt)
  }
  const due = [first(turnOf('w.app_id', true)), first(turnOf('w.app_id', false))]
  const apps = tx('waiting as w')
    .whereNotNull('w.app_id')
    .whereNotIn('w.app_id', [...busyApps])
    .select('w.app_id', tx.raw(`${GONE} as gone`))
    .select(tx.raw(`case when ${GONE} then ? else ? end as due`, due))
  const rows: (Omit<AppInTurn, 'due'> & { due: number | null })[] = await tx
    .withRecursive('waiting', ['app_id'], EACH_APP(tx))
    .from(apps.as('apps'))
    .select('app_id', 'due', 'gone')
  return rows.flatMap(row => (row.due === null ? [] : { ...row, due: row.due })).toSorted((a, b) => a.due - b.due)
}

/** What of an app may go. Pings are few and found by themselves: what a dead address holds back is not looked through. */
function turnOf(app: string, gone: boolean | number): string {
  return gone ? `${PING} and coalesce(d.app_id, '') = ${app}` : `d.app_id = ${app} and ${IN_TURN}`
}

type AppInTurn = { app_id: string; due: number; gone: boolean | number }

const GONE = 'exists (select 1 from apps as a where a.id = w.app_id and a.gone_address is not null)'

/** From each app to the next by the index; a `distinct` would read everything that is pending. */
const EACH_APP = (tx: Tx) =>
  tx.raw(`select min(d.app_id) from deliveries as d where ${PENDING}
    union all
    select (select min(d.app_id) from deliveries as d where ${PENDING} and d.app_id > waiting.app_id)
    from waiting where waiting.app_id is not null`)

/** Of each app its share of what is due. */
async function earliestOf(
  tx: Tx,
  apps: readonly AppInTurn[],
  claim: Claim,
): Promise<{ id: string; next_attempt_at: number }[]> {
  if (apps.length === 0) return []
  const shares = apps.map(({ app_id, gone }) =>
    tx
      .from(
        unleased(tx('deliveries as d').whereRaw(turnOf('?', gone), [app_id]), claim.at)
          .whereRaw(PENDING)
          .where('d.next_attempt_at', '<=', claim.at)
          .orderBy(['d.next_attempt_at', 'd.id'])
          .limit(claim.mostPerApp - (claim.underWay.get(app_id) ?? 0))
          .select('d.id', 'd.next_attempt_at')
          .as('share'),
      )
      .select('id', 'next_attempt_at'),
  )
  return await tx.unionAll(shares)
}

/** Held by no worker, or by one whose lease has ended. */
function unleased(query: Knex.QueryBuilder, at: number): Knex.QueryBuilder {
  return query.where(free => free.whereNull('d.lease_until').orWhere('d.lease_until', '<=', at))
}

function contentOf(events: ReadonlyMap<string, EventContent>, { event_id }: DeliveryRow): EventContent {
  const content = events.get(event_id)
  if (!content) throw new Error(`event ${event_id} is missing`)
  return content
}
