import type { Tx } from '../../db/connect.ts'
import { HOUR } from '../base/clock.ts'
import { setDeadline, setOverlap } from './key-changes-store.ts'
import { listReplacing } from './key-list-store.ts'
import { statusAt } from './key-states.ts'
import { findKeyRow, type Key } from './key-store.ts'

/** A key that arrives late still leaves its platform this long to take it into use. */
const LEAST_AFTER_ARRIVAL = HOUR

/** Plans the end of a key that is being replaced. It has no deadline yet: that comes when the new key has arrived. */
export async function startOverlap(tx: Tx, keyId: string, overlap: number, at: number): Promise<void> {
  await setOverlap(tx, keyId, { until: at + overlap, length: overlap })
}

/** New keys have arrived: the old ones get their deadlines, as planned, or a little later where the new one was late. */
export async function endOverlaps(tx: Tx, newKeyIds: readonly string[], at: number): Promise<void> {
  if (newKeyIds.length === 0) return
  const keys = await listReplacing(tx, newKeyIds)
  for (const key of keys) if (key.replaces && statusAt(key, at) !== 'expired') await endOverlap(tx, key.replaces, at)
}

async function endOverlap(tx: Tx, oldKeyId: string, at: number): Promise<void> {
  const old = await findKeyRow(tx, oldKeyId)
  if (!old || old.overlapUntil === null || old.overlapMs === null) return
  const planned = Math.max(old.overlapUntil, at + Math.min(old.overlapMs, LEAST_AFTER_ARRIVAL))
  await setDeadline(tx, old.id, Math.min(planned, old.expiresAt ?? planned))
}

/**
 * The new key never arrived: the old one goes on without a deadline, and the rotation is stuck for all to see. Answers the
 * old one where it still works. A restricted key was seen when it was made, so its rotation is never abandoned.
 */
export async function abandonOverlap(tx: Tx, newKeyId: string, at: number): Promise<Key | undefined> {
  const key = await findKeyRow(tx, newKeyId)
  if (key?.kind !== 'managed' || key.replaces === null) return undefined
  await setOverlap(tx, key.replaces, { until: null, length: null })
  const old = await findKeyRow(tx, key.replaces)
  return old && statusAt(old, at) !== 'expired' ? old : undefined
}
