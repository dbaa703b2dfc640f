import type { Tx } from '../../db/connect.ts'
import { firstDeadlineAfter, listOverdue, type OverdueKey } from './deadline-store.ts'
import { expireOverdueRow } from './key-changes-store.ts'
import { deadlineOf, reasonAtDeadline } from './key-states.ts'
import { findKeyRow, type Key } from './key-store.ts'

export type { OverdueKey } from './deadline-store.ts'

const MOST = 200

/** Some of the keys whose deadline has passed while their row still says that they work; `but` are left out. */
export async function listOverdueKeys(tx: Tx, at: number, but: ReadonlySet<string>): Promise<OverdueKey[]> {
  return await listOverdue(tx, at, but, MOST)
}

/** When the next deadline passes; nothing where no working key has one. */
export async function nextDeadline(tx: Tx, at: number): Promise<number | undefined> {
  return await firstDeadlineAfter(tx, at)
}

/**
 * Ends a key whose deadline has passed, as of then; nothing where somebody else has ended it or has moved the deadline
 * meanwhile. Answers the key as it was, with its end.
 */
export async function expireOverdueKey(
  tx: Tx,
  keyId: string,
  at: number,
): Promise<(Key & { expiredAt: number }) | undefined> {
  const key = await findKeyRow(tx, keyId)
  const deadline = key && deadlineOf(key)
  if (!key || typeof deadline !== 'number' || deadline > at) return undefined
  const expiredBecause = reasonAtDeadline(key)
  if (!(await expireOverdueRow(tx, key, deadline, expiredBecause))) return undefined
  return { ...key, status: 'expired', expiredAt: deadline, expiredBecause }
}
