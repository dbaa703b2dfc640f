import { type Database, lockName, type Tx } from '../../db/connect.ts'
import { MINUTE } from '../base/clock.ts'
import { firstIdAt, timeOfId } from '../base/ids.ts'
import {
  appsWithUnnumbered,
  type EventPosition,
  type EventRow,
  eventsAfter,
  eventsOfInstallationAfter,
  hasUnnumbered,
  lastPosition,
  listUnnumbered,
  listUnnumberedBefore,
  lowestPositionFrom,
  positionOf,
  setPositions,
  type Unnumbered,
} from './event-feed-store.ts'

export type { EventRow } from './event-feed-store.ts'

export type EventPage = {
  appId: string
  installationId?: string | undefined
  /** The id of the last event of the previous page. */
  after?: string | undefined
  limit: number
}

/** Events numbered in one transaction. */
const BATCH = 1_000
/** How far clocks may differ plus how long a transaction may last; used to locate a deleted event by its time. */
const MARGIN = 10 * MINUTE

/**
 * One page of an app's events, in an order in which no event can appear before one that was already returned: the reader
 * assigns positions after the commit (docs/cursors.md). A full page needs no numbering.
 */
export async function readEventFeed(database: Database, page: EventPage): Promise<EventRow[]> {
  for (let caughtUp = false; ; ) {
    const rows = await database.read(tx => readPage(tx, page, caughtUp))
    if (rows) return rows
    caughtUp = !(await database.transaction(tx => numberEvents(tx, page.appId)))
  }
}

/** Numbers unnumbered events in advance, so that the first reader does not have to. */
export async function numberBacklog(database: Database): Promise<void> {
  for (const appId of await database.read(appsWithUnnumbered))
    while (await database.transaction(tx => numberEvents(tx, appId)));
}

/** Undefined if events must be numbered first; `caughtUp` if all were numbered a moment ago. */
async function readPage(tx: Tx, page: EventPage, caughtUp: boolean): Promise<EventRow[] | undefined> {
  const { appId, installationId, after, limit } = page
  const complete = caughtUp || !(await hasUnnumbered(tx, appId))
  const start = await startOf(tx, appId, after, complete)
  if (start === undefined) return undefined
  const { position } = start
  const sequence = start.installation_id === installationId ? (start.sequence ?? 0) : 0
  const rows =
    installationId === undefined
      ? await eventsAfter(tx, { appId, position, limit })
      : await eventsOfInstallationAfter(tx, { installationId, position, sequence, limit })
  return complete || rows.length === limit ? rows : undefined
}

type Start = { position: number } & Partial<Omit<EventPosition, 'position'>>

/** The position after which a page begins; undefined while it is not known. */
async function startOf(
  tx: Tx,
  appId: string,
  after: string | undefined,
  complete: boolean,
): Promise<Start | undefined> {
  if (after === undefined) return { position: 0 }
  const found = await positionOf(tx, appId, after)
  if (found) return found.position === null ? undefined : { ...found, position: found.position }
  return complete ? { position: await startOfUnknown(tx, appId, after) } : undefined
}

/**
 * The position of an event that no longer exists, because it was deleted after its 30 days or lost in a failover. Events made
 * shortly before it are repeated, so that none made at about the same time is missed.
 */
async function startOfUnknown(tx: Tx, appId: string, id: string): Promise<number> {
  const at = timeOfId(id)
  const lowest = await lowestPositionFrom(tx, appId, at === undefined ? id : firstIdAt('evt', at - MARGIN))
  return lowest === undefined ? await lastPosition(tx, appId) : lowest - 1
}

/**
 * Assigns the next positions to committed events of an app, and returns whether more may be left. One transaction at a time
 * does this for an app, until its commit: a reader that sees a position sees all lower ones.
 */
async function numberEvents(tx: Tx, appId: string): Promise<boolean> {
  await lockName(tx, `events of ${appId}`)
  const batch = await listUnnumbered(tx, appId, BATCH)
  const isCut = batch.length === BATCH
  const events = inSequence(isCut ? [...(await listUnnumberedBefore(tx, batch)), ...batch] : batch)
  const last = await lastPosition(tx, appId)
  if (events.length > 0)
    await setPositions(
      tx,
      events.map(({ id }, index) => [id, last + 1 + index] as const),
    )
  return isCut
}

/** In the given order, and those of each installation by their sequence, whichever clocks their ids come from. */
function inSequence(events: readonly Unnumbered[]): Unnumbered[] {
  const ofInstallation = Map.groupBy(events, event => event.installation_id)
  for (const [id, own] of ofInstallation) if (id !== null) own.sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0))
  return events.map(({ installation_id }) => ofInstallation.get(installation_id)?.shift() as Unnumbered)
}
