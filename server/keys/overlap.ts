import type { Tx } from '../../db/connect.ts'
import { deadlineOf, endOf, endToTell, overlapAfterArrival, type Replaced, statusAt } from './key-states.ts'
import { findKeyRow, type Key } from './key-store.ts'
import { listReplacements, listReplacing, setRotation } from './rotation-store.ts'

/*
 * A rotation is a chain: each new key names the one that it replaces, and may be replaced before it has arrived. What ends
 * an old key is the arrival of any key further down its chain; what makes its rotation stuck is that none is left that
 * could arrive.
 *
 *              start                    arrival
 *   (none) ────────────▶ waiting ────────────────▶ running ──▶ expired at its deadline
 *                        ▲     │
 *                  start │     │ nothing is left that could arrive
 *                        └── stuck
 */

/**
 * Plans the end of a key that is being replaced. Its deadline is set when a new key has arrived; one from an earlier
 * rotation stays. Returns the end for the event.
 */
export async function startOverlap(tx: Tx, key: Key, overlap: number, at: number): Promise<number> {
  const until = key.rotation === 'running' ? Math.min(at + overlap, key.expiresAt ?? at + overlap) : at + overlap
  const plan: Replaced = {
    rotation: key.rotation === 'running' ? 'running' : 'waiting',
    overlapUntil: until,
    overlapMs: overlap,
  }
  await setRotation(tx, key.id, plan)
  return Math.min(until, deadlineOf(key) ?? until)
}

/** The overlap begins at once, because the new key is already in the response. Returns the old one's deadline. */
export async function beginOverlap(tx: Tx, key: Key, overlap: number, at: number): Promise<number> {
  const until = at + overlap
  const deadline = Math.min(until, key.expiresAt ?? until)
  await setRotation(tx, key.id, { rotation: 'running', overlapUntil: until, overlapMs: overlap }, deadline)
  return deadline
}

/**
 * New keys have arrived: all keys that they replace, directly or through keys that never arrived, get their deadlines.
 * Returns the old keys whose deadline differs from the one in the acknowledged event.
 */
export async function endOverlaps(tx: Tx, newKeyIds: readonly string[], at: number): Promise<Key[]> {
  if (newKeyIds.length === 0) return []
  const untold: Key[] = []
  for (const key of await listReplacing(tx, newKeyIds)) {
    if (statusAt(key, at) === 'expired') continue
    for (const old of await listReplaced(tx, key)) {
      const ended = await endOverlap(tx, old, at)
      const told = old.id === key.replaces && ended && endOf(ended) === endToTell(old, key.createdAt)
      if (ended && !told) untold.push(ended)
    }
  }
  return untold
}

async function endOverlap(tx: Tx, old: Key, at: number): Promise<Key | undefined> {
  if (old.rotation !== 'waiting' && old.rotation !== 'running') return undefined
  if (statusAt(old, at) === 'expired') return undefined
  const overlapUntil = overlapAfterArrival(old, at)
  const expiresAt = Math.min(overlapUntil, old.expiresAt ?? overlapUntil)
  if (old.rotation === 'running' && old.expiresAt === expiresAt) return undefined // set by an earlier arrival
  const plan = { rotation: 'running', overlapUntil, overlapMs: old.overlapMs } as const
  await setRotation(tx, old.id, plan, expiresAt)
  return { ...old, ...plan, expiresAt }
}

/**
 * Keys ended before they arrived. An old key without another replacement keeps working, and its rotation is shown as stuck;
 * a deadline from an earlier rotation stays. Returns those old keys. A restricted key was shown when it was created, so its
 * rotation is never abandoned.
 */
export async function abandonOverlaps(
  tx: Tx,
  ended: readonly Pick<Key, 'kind' | 'replaces' | 'deliveredAt'>[],
  at: number,
): Promise<Key[]> {
  const goOn = new Map<string, Key>()
  for (const key of ended.filter(({ kind, deliveredAt }) => kind === 'managed' && deliveredAt === null)) {
    for (const old of await listReplaced(tx, key)) {
      if (statusAt(old, at) === 'expired' || (await listSuccessors(tx, old.id, at)).some(isOnItsWay)) continue
      const abandoned = await abandonOverlap(tx, old)
      if (abandoned) goOn.set(old.id, abandoned)
    }
  }
  return [...goOn.values()]
}

const isOnItsWay = (key: Key) => key.deliveredAt === null

async function abandonOverlap(tx: Tx, old: Key): Promise<Key | undefined> {
  if (old.rotation === 'waiting') {
    const plan = { rotation: 'stuck', overlapUntil: null, overlapMs: null } as const
    await setRotation(tx, old.id, plan)
    return { ...old, ...plan }
  }
  if (old.rotation !== 'running' || old.overlapUntil === null || old.overlapUntil >= (old.expiresAt ?? 0))
    return undefined
  const plan = { rotation: 'running', overlapUntil: old.expiresAt, overlapMs: old.overlapMs } as const
  await setRotation(tx, old.id, plan)
  return { ...old, ...plan }
}

/** The keys that a key replaces, nearest first: its predecessor, and if that never arrived, the one before. */
async function listReplaced(tx: Tx, key: Pick<Key, 'replaces'>): Promise<Key[]> {
  const replaced: Key[] = []
  for (let id = key.replaces; id !== null; ) {
    const old = await findKeyRow(tx, id)
    if (!old) break
    replaced.push(old)
    id = old.deliveredAt === null ? old.replaces : null
  }
  return replaced
}

/** The working keys that replace this one, also through keys that have expired or not arrived. */
export async function listSuccessors(tx: Tx, keyId: string, at: number): Promise<Key[]> {
  const successors: Key[] = []
  for (let replaced = [keyId]; replaced.length > 0; ) {
    const next = await listReplacements(tx, replaced)
    const works = (key: Key) => statusAt(key, at) !== 'expired'
    successors.push(...next.filter(works))
    replaced = next.filter(key => !works(key) || isOnItsWay(key)).map(({ id }) => id)
  }
  return successors
}

/**
 * The last day that a key was given. The end of an overlap is not one, so the day is read from its first replacement.
 */
export async function lastDayOf(tx: Tx, key: Key): Promise<number | null> {
  if (key.rotation !== 'running') return key.expiresAt
  const first = (await listReplacements(tx, [key.id])).at(-1)
  return first ? await lastDayOf(tx, first) : key.expiresAt
}
