import type { Tx } from '../../db/connect.ts'
import { jsonRows } from '../../db/json-rows.ts'
import type { EventType } from './event-type.ts'

export type EventRow = { id: string; type: EventType; installation_id: string | null; body: string }

/** Position of an event in the feed of its app, null before it is numbered, and its sequence in its installation. */
export type EventPosition = { position: number | null; installation_id: string | null; sequence: number | null }

/** Undefined if the app has no such event. */
export async function positionOf(tx: Tx, appId: string, id: string): Promise<EventPosition | undefined> {
  return await tx('events').where({ id, app_id: appId }).first('position', 'installation_id', 'sequence')
}

/** The lowest position among the app's events with this id or a higher one; undefined if there is none. */
export async function lowestPositionFrom(tx: Tx, appId: string, id: string): Promise<number | undefined> {
  const row: { lowest?: number | null } | undefined = await tx('events')
    .where({ app_id: appId })
    .where('id', '>=', id)
    .min({ lowest: 'position' })
    .first()
  return row?.lowest ?? undefined
}

export async function lastPosition(tx: Tx, appId: string): Promise<number> {
  const row: { last?: number | null } | undefined = await tx('events')
    .where({ app_id: appId })
    .max({ last: 'position' })
    .first()
  return row?.last ?? 0
}

/** Events after a position, in order. */
export async function eventsAfter(
  tx: Tx,
  page: { appId: string; position: number; limit: number },
): Promise<EventRow[]> {
  return await tx('events')
    .where({ app_id: page.appId })
    .where('position', '>', page.position)
    .orderBy('position')
    .limit(page.limit)
    .select(...EVENT)
}

const EVENT = ['id', 'type', 'installation_id', 'body'] as const

/**
 * The same for one installation, after one of its sequence numbers too: positions are in the order of sequence numbers, which
 * are indexed, and an app may have any number of events in between.
 */
export async function eventsOfInstallationAfter(
  tx: Tx,
  page: { installationId: string; position: number; sequence: number; limit: number },
): Promise<EventRow[]> {
  return await tx('events')
    .where({ installation_id: page.installationId })
    .where('sequence', '>', page.sequence)
    .where('position', '>', page.position)
    .orderBy('sequence')
    .limit(page.limit)
    .select(...EVENT)
}

const unnumbered = (tx: Tx, appId: string) => tx('events').where({ app_id: appId }).whereNull('position')

export async function hasUnnumbered(tx: Tx, appId: string): Promise<boolean> {
  return (await unnumbered(tx, appId).first('id')) !== undefined
}

/** Apps with events that have no position. */
export async function appsWithUnnumbered(tx: Tx): Promise<string[]> {
  const some = tx('events as e').whereRaw('e.app_id = apps.id and e.position is null').select('e.id')
  return await tx('apps').whereExists(some).orderBy('id').pluck('id')
}

export type Unnumbered = { id: string; installation_id: string | null; sequence: number | null }

/** The app's events without a position, at most `limit`, in the order of their ids. */
export async function listUnnumbered(tx: Tx, appId: string, limit: number): Promise<Unnumbered[]> {
  return await unnumbered(tx, appId).orderBy('id').limit(limit).select('id', 'installation_id', 'sequence')
}

/** Events without a position that precede one of these in the order of their installation. */
export async function listUnnumberedBefore(tx: Tx, events: readonly Unnumbered[]): Promise<Unnumbered[]> {
  const highest = new Map<string, number>()
  for (const { installation_id: id, sequence } of events)
    if (id !== null) highest.set(id, Math.max(highest.get(id) ?? 0, sequence ?? 0))
  const bounds = jsonRows(tx, { installation_id: 'text', highest: 'integer' }, [...highest])
  const rows: Unnumbered[] = await tx('events as e')
    .joinRaw('join (?) as b on e.installation_id = b.installation_id and e.sequence < b.highest', [bounds])
    .whereNull('e.position')
    .orderBy('e.id')
    .select('e.id', 'e.installation_id', 'e.sequence')
  const known = new Set(events.map(({ id }) => id))
  return rows.filter(({ id }) => !known.has(id))
}

export async function setPositions(tx: Tx, positions: readonly (readonly [string, number])[]): Promise<void> {
  await tx.raw(
    `update events set position = numbered.position from (?) as numbered
     where events.id = numbered.id and events.position is null`,
    [jsonRows(tx, { id: 'text', position: 'integer' }, positions)],
  )
}
