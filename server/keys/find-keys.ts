import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import type { Mode } from '../base/mode.ts'
import { markDelivered } from './key-changes-store.ts'
import { deadlineOf, statusAt, WORKING } from './key-states.ts'
import {
  findKeyRow,
  type Key,
  type KeyPageFilter,
  listKeyAppIds,
  listKeyRows,
  listLeakedRows,
  lockKeyRow,
  pageKeyRows,
} from './key-store.ts'

export type { Key, KeyPageFilter } from './key-store.ts'

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
export async function holdKeyOf(tx: Tx, accountId: string, id: string): Promise<Key> {
  const key = await lockKeyRow(tx, id)
  if (!key || key.accountId !== accountId) throw new AppError('object.not_found')
  return key
}

/** The account that a key belongs to. */
export async function accountOfKey(tx: Tx, id: string): Promise<string | undefined> {
  return (await findKeyRow(tx, id))?.accountId
}

/** All keys of an account, the newest first; those that expired before `expiredSince` are left out. */
export async function listAccountKeys(tx: Tx, accountId: string, expiredSince: number): Promise<Key[]> {
  const keys = await listKeyRows(tx, { accountId })
  return keys.filter(key => (key.expiredAt ?? deadlineOf(key) ?? Number.POSITIVE_INFINITY) >= expiredSince)
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

/** The apps that an account's keys were minted for. */
export async function listAppIdsOfKeys(tx: Tx, accountId: string): Promise<string[]> {
  return await listKeyAppIds(tx, accountId)
}

export async function listInstallationKeys(tx: Tx, installationIds: readonly string[]): Promise<Key[]> {
  return await listKeyRows(tx, { installationIds })
}

/** Keys of earlier installations of an app that still work in this account and mode. */
export async function listKeptKeys(
  tx: Tx,
  where: { appId?: string; accountId?: string; mode?: Mode },
  at: number,
): Promise<Key[]> {
  const { appId, accountId, mode } = where
  const keys = await listKeyRows(tx, {
    ...(appId && { appId }),
    ...(accountId && { accountId }),
    ...(mode && { mode }),
    kept: true,
    status: WORKING,
  })
  return keys.filter(key => statusAt(key, at) !== 'expired')
}

/** Managed keys that a leak report froze, and that still wait for what takes their place; of a kept key nothing does. */
export async function listLeakedKeys(tx: Tx): Promise<Key[]> {
  return await listLeakedRows(tx)
}

/** The platform has acknowledged the keys. */
export async function noteKeysDelivered(tx: Tx, keyIds: readonly string[], at: number): Promise<void> {
  if (keyIds.length > 0) await markDelivered(tx, keyIds, at)
}

/** Whether a key is of no use any more. */
export async function hasExpired(tx: Tx, keyId: string, at: number): Promise<boolean> {
  const key = await findKeyRow(tx, keyId)
  return key === undefined || statusAt(key, at) === 'expired'
}

/** Keys that were minted to replace this one and still work. */
export async function listSuccessors(tx: Tx, keyId: string): Promise<Key[]> {
  return await listKeyRows(tx, { replaces: keyId, status: WORKING })
}

/** Keys that were minted to replace this one, whether they still work or not; the newest first. */
export async function listReplacements(tx: Tx, keyId: string): Promise<Key[]> {
  return await listKeyRows(tx, { replaces: keyId })
}

/** A managed key of an app; another app's is indistinguishable from none. Throws `object.not_found`. */
export async function findAppKey(tx: Tx, appId: string, id: string): Promise<Key> {
  const key = await findKeyRow(tx, id)
  if (!key || key.appId !== appId) throw new AppError('object.not_found')
  return key
}
