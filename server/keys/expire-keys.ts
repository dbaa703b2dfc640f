import type { Tx } from '../../db/connect.ts'
import { expireRow, keepRow, setEndsWith, setPermissions } from './key-changes-store.ts'
import { type ExpiryReason, statusAt, WORKING } from './key-states.ts'
import { countKeys, findKeyRow, type Key, listKeyRows } from './key-store.ts'

/** Expires one key now; false where it had expired before. */
export async function expireKey(tx: Tx, keyId: string, because: ExpiryReason, at: number): Promise<boolean> {
  return await expireRow(tx, keyId, because, at)
}

/** Expires a key that its platform never acknowledged; false where it did once, or where the key had expired before. */
export async function expireIfUndelivered(tx: Tx, keyId: string, at: number): Promise<boolean> {
  const key = await findKeyRow(tx, keyId)
  return key?.deliveredAt === null && (await expireRow(tx, keyId, 'undelivered', at))
}

/** Expires what an installation holds but its platform never acknowledged; answers those keys. */
export async function expireUndelivered(tx: Tx, installationId: string, at: number): Promise<Key[]> {
  return await expireEach(
    tx,
    await listKeyRows(tx, { installationId, status: WORKING, delivered: false }),
    'undelivered',
    at,
  )
}

/** Expires the kept keys that were to end once this installation is active; answers those keys. */
export async function expireKeysEndingWith(tx: Tx, installationId: string, at: number): Promise<Key[]> {
  return await expireEach(tx, await listKeyRows(tx, { endsWith: installationId, status: WORKING }), 'replaced', at)
}

async function expireEach(tx: Tx, keys: readonly Key[], because: ExpiryReason, at: number): Promise<Key[]> {
  const expired: Key[] = []
  for (const key of keys) {
    if (await expireRow(tx, key.id, because, at))
      expired.push({ ...key, status: 'expired', expiredAt: at, expiredBecause: because })
  }
  return expired
}

/** Marks kept keys to expire once a new installation is active. */
export async function endKeysWith(tx: Tx, keyIds: readonly string[], installationId: string): Promise<void> {
  await setEndsWith(tx, keyIds, installationId)
}

/** Whether keys of an installation still wait for the platform's acknowledgement. */
export async function hasUndelivered(tx: Tx, installationId: string): Promise<boolean> {
  return (await countKeys(tx, { installationId, status: WORKING, delivered: false })) > 0
}

export type KeyChoice = { answer: 'expire' } | { answer: 'keep' } | { answer: 'until'; deadline: number }
export type KeyOutcome = { key: Key; outcome: 'expired' | 'kept'; expiresAt: number | null }

/**
 * Does with the working keys of an ending installation what the account chose. Keys that were never delivered expire
 * whatever the answer; a deadline that a key has already is never moved out (PRODUCT rule 4).
 */
export async function settleKeys(
  tx: Tx,
  installationId: string,
  choice: KeyChoice,
  because: ExpiryReason,
  at: number,
): Promise<KeyOutcome[]> {
  const outcomes: KeyOutcome[] = []
  for (const key of await listKeyRows(tx, { installationId, status: WORKING })) {
    if (statusAt(key, at) === 'expired') continue // by its deadline, before anybody was asked
    const deadline = choice.answer === 'until' ? Math.min(choice.deadline, key.expiresAt ?? choice.deadline) : null
    if (choice.answer === 'expire' || key.deliveredAt === null) {
      const reason = choice.answer === 'expire' ? because : 'undelivered'
      if (await expireRow(tx, key.id, reason, at)) outcomes.push({ key, outcome: 'expired', expiresAt: at })
    } else if (await keepRow(tx, key.id, deadline, at)) {
      outcomes.push({ key, outcome: 'kept', expiresAt: deadline ?? key.expiresAt })
    }
  }
  return outcomes
}

/** Takes permissions away from the working keys of an installation; a key that is left with none expires, and is answered. */
export async function removePermissions(
  tx: Tx,
  installationId: string,
  removed: readonly string[],
  at: number,
): Promise<Key[]> {
  const emptied: Key[] = []
  for (const key of await listKeyRows(tx, { installationId, status: WORKING })) {
    const left = key.permissions.filter(name => !removed.includes(name))
    if (left.length === key.permissions.length) continue
    await setPermissions(tx, key.id, left)
    if (left.length === 0) emptied.push({ ...key, permissions: [] })
  }
  return await expireEach(tx, emptied, 'permissions_removed', at)
}
