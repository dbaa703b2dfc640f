import type { Tx } from '../../db/connect.ts'
import { changeKeys, workingRow } from './key-changes-store.ts'
import { deadlineOf, reasonAtDeadline } from './key-states.ts'
import { findKeyRow, type Key } from './key-store.ts'

/** Columns whose time expires a key; each has an index of the working keys. */
const DEADLINES = ['expires_at', 'freeze_until'] as const

// A literal: with a parameter SQLite cannot use the index.
const working = (tx: Tx) => tx('keys').whereRaw("status <> 'expired'")

export type OverdueKey = { id: string; installationId: string | null }

/** An uninstall has decided about the key already; its row is settled soon. */
const UNSETTLED = `kept_at is null and exists (select 1 from installations as over
  where over.id = keys.installation_id and over.settle_keys is not null)`

/** The most keys of one list. */
const MOST = 200

/**
 * A list of keys that work by their row although a deadline has passed, without `but` and those that are being settled.
 */
export async function listOverdueKeys(tx: Tx, at: number, but: ReadonlySet<string>): Promise<OverdueKey[]> {
  const overdue = new Map<string, OverdueKey>()
  for (const column of DEADLINES) {
    const found: OverdueKey[] = await working(tx)
      .where(column, '<=', at)
      .whereNotIn('id', [...but])
      .whereRaw(`not (${UNSETTLED})`)
      .orderBy(column)
      .limit(MOST)
      .select('id', 'installation_id as installationId')
    for (const key of found) overdue.set(key.id, key)
  }
  return [...overdue.values()]
}

/** When the next deadline passes; undefined if no working key has one. */
export async function nextDeadline(tx: Tx, at: number): Promise<number | undefined> {
  const coming: number[] = []
  for (const column of DEADLINES) {
    const row: { deadline: number } | undefined = await working(tx)
      .where(column, '>', at)
      .orderBy(column)
      .first(`${column} as deadline`)
    if (row) coming.push(row.deadline)
  }
  return coming.length > 0 ? Math.min(...coming) : undefined
}

/**
 * Ends a key whose deadline has passed, as of that time; returns undefined if it has ended or its deadline has moved.
 * Returns the earlier state of the key, with its end.
 */
export async function markOverdueExpired(
  tx: Tx,
  keyId: string,
  at: number,
): Promise<(Key & { expiredAt: number }) | undefined> {
  const key = await findKeyRow(tx, keyId)
  const deadline = key && deadlineOf(key)
  if (!key || typeof deadline !== 'number' || deadline > at) return undefined
  const expiredBecause = reasonAtDeadline(key)
  const same = workingRow(tx, key.id).where({ expires_at: key.expiresAt, freeze_until: key.freezeUntil })
  const change = { status: 'expired', expired_at: deadline, expired_because: expiredBecause }
  if ((await changeKeys(tx, same, change)) !== 1) return undefined
  return { ...key, status: 'expired', expiredAt: deadline, expiredBecause }
}
