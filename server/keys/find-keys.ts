import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import { statusAt } from './key-states.ts'
import { findKeyRow, type Key, lockKeyRow } from './key-store.ts'

export type { Key } from './key-store.ts'

/** A key of an account; a stranger's looks as if it did not exist. Throws `object.not_found`. */
export async function findKeyOf(tx: Tx, accountId: string, id: string): Promise<Key> {
  const key = await findKeyRow(tx, id)
  if (!key || key.accountId !== accountId) throw new AppError('object.not_found')
  return key
}

/**
 * A key as it is now, locked until the transaction ends. Whoever also locks its installation locks that first. A stranger's
 * looks as if it did not exist. Throws `object.not_found`.
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

/** A managed key of an app; another app's looks as if it did not exist. Throws `object.not_found`. */
export async function findAppKey(tx: Tx, appId: string, id: string): Promise<Key> {
  const key = await findKeyRow(tx, id)
  if (!key || key.appId !== appId) throw new AppError('object.not_found')
  return key
}

/** Whether a key has expired. */
export async function hasExpired(tx: Tx, keyId: string, at: number): Promise<boolean> {
  const key = await findKeyRow(tx, keyId)
  return key === undefined || statusAt(key, at) === 'expired'
}
