import type { Tx } from '../../db/connect.ts'
import type { Mode } from '../base/mode.ts'
import {
  expireRow,
  expireRowsEndingWith,
  expireUndeliveredRows,
  keepEndingWith,
  replacePermissions,
  settleRows,
} from './key-changes-store.ts'
import { hasUndeliveredRow, listExpiredRows, listPermissionSets, pageInstallationKeyRows } from './key-list-store.ts'
import { type ExpiryReason, statusAt } from './key-states.ts'
import { findKeyRow, type Key } from './key-store.ts'
import { type Settlement, settledState } from './settlement.ts'

/** Expires one key now; false where it had expired before. */
export async function expireKey(tx: Tx, keyId: string, because: ExpiryReason, at: number): Promise<boolean> {
  return await expireRow(tx, keyId, because, at)
}

/** Expires a key that its platform never acknowledged; nothing where it did once, or where the key had expired before. */
export async function expireIfUndelivered(tx: Tx, keyId: string, at: number): Promise<Key | undefined> {
  const key = await findKeyRow(tx, keyId)
  if (key?.deliveredAt !== null || statusAt(key, at) === 'expired') return undefined
  if (!(await expireRow(tx, keyId, 'undelivered', at))) return undefined
  return { ...key, status: 'expired', expiredAt: at, expiredBecause: 'undelivered' }
}

/** Expires what an installation holds but its platform never acknowledged; returns how many keys that were. */
export async function expireUndelivered(tx: Tx, installationId: string, at: number): Promise<number> {
  return await expireUndeliveredRows(tx, installationId, at)
}

/** Expires the kept keys that were to end once this installation is active; returns how many. */
export async function expireKeysEndingWith(tx: Tx, installationId: string, at: number): Promise<number> {
  return await expireRowsEndingWith(tx, installationId, at)
}

/** Marks the kept keys of a place to expire once a new installation is active. */
export async function endKeysWith(
  tx: Tx,
  place: { appId: string; accountId: string; mode: Mode },
  installationId: string,
): Promise<void> {
  await keepEndingWith(tx, place, installationId)
}

/** Whether keys of an installation still wait for the platform's acknowledgement. */
export async function hasUndelivered(tx: Tx, installationId: string): Promise<boolean> {
  return await hasUndeliveredRow(tx, installationId)
}

export type { KeyChoice } from './settlement.ts'
export type KeyOutcome = { key: Key; outcome: 'expired' | 'kept'; expiresAt: number | null }

/** What an uninstallation makes of the newest working keys of its installation, before it is written. */
export async function listOutcomes(
  tx: Tx,
  installationId: string,
  settlement: Settlement,
  limit: number,
): Promise<KeyOutcome[]> {
  const keys = await pageInstallationKeyRows(tx, { installationId, working: { at: settlement.at }, limit })
  return keys.flatMap(key => {
    const state = settledState(key, settlement)
    if (!state) return []
    const expired = state.status === 'expired'
    return [{ key, outcome: expired ? 'expired' : 'kept', expiresAt: expired ? settlement.at : state.expiresAt }]
  })
}

/**
 * Writes into some of the rows what the uninstallation made of these keys, in the order of their ids from `after` on. It
 * changes nothing that verification says. Returns the last id, or undefined where no key is left to settle.
 */
export async function settleKeys(
  tx: Tx,
  installationId: string,
  settlement: Settlement,
  batch: { after: string; limit: number },
): Promise<string | undefined> {
  return await settleRows(tx, installationId, settlement, batch)
}

/**
 * Takes permissions away from the working keys of an installation, all keys that have the same ones in one statement; a
 * key that is left with none expires. Returns how many those were.
 */
export async function removePermissions(
  tx: Tx,
  installationId: string,
  removed: readonly string[],
  at: number,
): Promise<number> {
  let emptied = 0
  for (const permissions of await listPermissionSets(tx, installationId)) {
    const left = permissions.filter(name => !removed.includes(name))
    if (left.length === permissions.length) continue
    const changed = await replacePermissions(tx, installationId, permissions, left, at)
    if (left.length === 0) emptied += changed
  }
  return emptied
}

/** Keys that one act has expired, in the order of their ids: those of an installation, or those that ended with it. */
export type ExpiredTogether = {
  installationId: string
  which: 'own' | 'ending_with'
  because: ExpiryReason
  at: number
}

/** Some of the keys that one act has expired, after an id. */
export async function listExpired(
  tx: Tx,
  act: ExpiredTogether,
  batch: { after: string; limit: number },
): Promise<Key[]> {
  return await listExpiredRows(tx, act, batch)
}
