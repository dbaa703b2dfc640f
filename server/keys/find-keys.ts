import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import { markDelivered } from './key-changes-store.ts'
import {
  countKeptRows,
  countWorkingOf,
  type KeptPlace,
  type LeakPlace,
  lastUseOf,
  listKeptRows,
  listLastUsed,
  listLatestOfNames,
  listNamesHeld,
  listWithoutAny,
  pageInstallationKeyRows,
  pageLeakedRows,
  pageSettledRows,
  summarizeWorking,
} from './key-list-store.ts'
import { type KeyPageFilter, pageKeyRows } from './key-page-store.ts'
import { statusAt } from './key-states.ts'
import { findKeyRow, type Key, lockKeyRow } from './key-store.ts'

export type { KeyPageFilter } from './key-page-store.ts'
export type { Key } from './key-store.ts'

/** A key of an account; a stranger's is indistinguishable from none. Throws `object.not_found`. */
export async function findKeyOf(tx: Tx, accountId: string, id: string): Promise<Key> {
  const key = await findKeyRow(tx, id)
  if (!key || key.accountId !== accountId) throw new AppError('object.not_found')
  return key
}

/**
 * A key as it is now, held until the transaction ends. Whoever also holds its installation takes that first. A stranger's
 * is indistinguishable from none. Throws `object.not_found`.
 */
export async function lockKeyOf(tx: Tx, accountId: string, id: string): Promise<Key> {
  const key = await lockKeyRow(tx, id)
  if (!key || key.accountId !== accountId) throw new AppError('object.not_found')
  return key
}

/** The account that a key belongs to. */
export async function accountOfKey(tx: Tx, id: string): Promise<string | undefined> {
  return (await findKeyRow(tx, id))?.accountId
}

/** A key of an account, where it has one of that id. */
export async function findKeyIfOf(tx: Tx, accountId: string, id: string): Promise<Key | undefined> {
  const key = await findKeyRow(tx, id)
  return key?.accountId === accountId ? key : undefined
}

/** One page of an account's keys; a cursor that is none of its keys is no cursor. */
export async function pageAccountKeys(
  tx: Tx,
  filter: Omit<KeyPageFilter, 'after'> & { before?: string | undefined },
  at: number,
): Promise<Key[]> {
  const last = filter.before === undefined ? undefined : await findKeyRow(tx, filter.before)
  const after = last?.accountId === filter.accountId ? last : undefined
  return await pageKeyRows(tx, { ...filter, after }, at)
}

/** One page of what an installation ever held, or of what works now, the newest first. */
export async function pageInstallationKeys(
  tx: Tx,
  page: { installationId: string; before?: string | undefined; working?: { at: number }; limit: number },
): Promise<Key[]> {
  return await pageInstallationKeyRows(tx, page)
}

/** One page of what an uninstallation settled: keys that had not ended before it. */
export async function pageSettledKeys(
  tx: Tx,
  page: { installationId: string; endedSince: number; before?: string | undefined; limit: number },
): Promise<Key[]> {
  return await pageSettledRows(tx, page)
}

/** The working keys of an installation that were used last, at most `limit`. */
export async function listKeysUsedLast(tx: Tx, installationId: string, limit: number, at: number): Promise<Key[]> {
  return await listLastUsed(tx, installationId, limit, at)
}

/** Working keys of an installation that have none of these permissions, at most `limit`. */
export async function listKeysWithoutAny(
  tx: Tx,
  installationId: string,
  permissions: readonly string[],
  limit: number,
  at: number,
): Promise<Key[]> {
  return await listWithoutAny(tx, installationId, permissions, limit, at)
}

/** How many keys of an installation work, how many of them were delivered, have a deadline, and were ever used. */
export async function summarizeKeys(
  tx: Tx,
  installationId: string,
  at: number,
): Promise<{ total: number; delivered: number; ending: number; used: number }> {
  return await summarizeWorking(tx, installationId, at)
}

/** How many keys of an installation work; an index answers. */
export async function countWorkingKeys(tx: Tx, installationId: string, at: number): Promise<number> {
  return (await countWorkingOf(tx, [installationId], at)).get(installationId) ?? 0
}

/** Whether any key of an installation works. */
export async function hasWorkingKeys(tx: Tx, installationId: string, at: number): Promise<boolean> {
  return (await pageInstallationKeyRows(tx, { installationId, working: { at }, limit: 1 })).length > 0
}

/** Of each name the newest key of an installation. */
export async function listLatestKeys(tx: Tx, installationId: string, names: readonly string[]): Promise<Key[]> {
  return await listLatestOfNames(tx, installationId, names)
}

/** Which of these names a working key of the installation has that its platform acknowledged. */
export async function namesOfDeliveredKeys(
  tx: Tx,
  installationId: string,
  names: readonly string[],
  at: number,
): Promise<ReadonlySet<string>> {
  return new Set(await listNamesHeld(tx, installationId, names, at))
}

/** Where an installation holds more keys than this, nobody looks for the one that was used last. */
const FEW = 250

/** How many keys of each installation work, and when the last use was; `undefined` where they are too many to look. */
export async function countKeysOf(
  tx: Tx,
  installationIds: readonly string[],
  at: number,
): Promise<(installationId: string) => { count: number; lastUsedAt: number | null | undefined }> {
  const counts = await countWorkingOf(tx, installationIds, at)
  const few = [...counts].filter(([, count]) => count <= FEW).map(([id]) => id)
  const uses = await lastUseOf(tx, few, at)
  return id => {
    const count = counts.get(id) ?? 0
    return { count, lastUsedAt: count > FEW ? undefined : (uses.get(id) ?? null) }
  }
}

/** Some keys of earlier installations of an app that still work in this account and mode. */
export async function listKeptKeys(tx: Tx, place: KeptPlace, limit: number, at: number): Promise<Key[]> {
  return await listKeptRows(tx, place, limit, at)
}

/** How many there are, and when the last of them was kept. */
export async function countKeptKeys(
  tx: Tx,
  place: KeptPlace,
  at: number,
): Promise<{ count: number; latest: number | null }> {
  return await countKeptRows(tx, place, at)
}

/** Managed keys that a leak report froze, and that still wait for what takes their place; of a kept key nothing does. */
export async function pageLeakedKeys(tx: Tx, after: LeakPlace | undefined, limit: number): Promise<Key[]> {
  return await pageLeakedRows(tx, after, limit)
}

/** The platform has acknowledged the keys; returns those that it had not before. */
export async function noteKeysDelivered(tx: Tx, keyIds: readonly string[], at: number): Promise<string[]> {
  return keyIds.length > 0 ? await markDelivered(tx, keyIds, at) : []
}

/** Whether a key is of no use any more. */
export async function hasExpired(tx: Tx, keyId: string, at: number): Promise<boolean> {
  const key = await findKeyRow(tx, keyId)
  return key === undefined || statusAt(key, at) === 'expired'
}

/** A managed key of an app; another app's is indistinguishable from none. Throws `object.not_found`. */
export async function findAppKey(tx: Tx, appId: string, id: string): Promise<Key> {
  const key = await findKeyRow(tx, id)
  if (!key || key.appId !== appId) throw new AppError('object.not_found')
  return key
}
