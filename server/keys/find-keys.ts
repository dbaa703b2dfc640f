import type { Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'
import { AppError } from '../base/errors.ts'
import { statusAt } from './key-states.ts'
import { findKeyRow, type Key, lockKeyRow } from './key-store.ts'

export type { Key } from './key-store.ts'

/** A key of an account. Throws `object.not_found`, also for a stranger's key. */
export async function findKeyOf(tx: Tx, accountId: string, id: string): Promise<Key> {
  const key = await findKeyRow(tx, id)
  if (!key || key.accountId !== accountId) throw new AppError('object.not_found')
  return key
}

/**
 * Locks a key until the transaction ends and returns its current state. Lock its installation first. Throws
 * `object.not_found`, also for a stranger's key.
 */
export async function lockKeyOf(tx: Tx, accountId: string, id: string): Promise<Key> {
  const key = await lockKeyRow(tx, id)
  if (!key || key.accountId !== accountId) throw new AppError('object.not_found')
  return key
}

/** The account of a key. */
export async function accountOfKey(tx: Tx, id: string): Promise<string | undefined> {
  return (await findKeyRow(tx, id))?.accountId
}

export type KeyPlace = { accountId: string; name: string; installationId: string | null }

/** Names of keys, and where they belong; ids without a key are left out. */
export async function placesOfKeys(tx: Tx, ids: readonly string[]): Promise<ReadonlyMap<string, KeyPlace>> {
  const rows: { id: string; account_id: string; name: string; installation_id: string | null }[] = await tx('keys')
    .whereRaw(isAmong(tx, 'id', [...new Set(ids)]))
    .select('id', 'account_id', 'name', 'installation_id')
  return new Map(
    rows.map(({ id, account_id, name, installation_id }) => [
      id,
      { accountId: account_id, name, installationId: installation_id },
    ]),
  )
}

/** Any key. Throws `object.not_found`. */
export async function requireKey(tx: Tx, id: string): Promise<Key> {
  const key = await findKeyRow(tx, id)
  if (!key) throw new AppError('object.not_found')
  return key
}

/** A key of an account, or undefined. */
export async function findKeyIfOf(tx: Tx, accountId: string, id: string): Promise<Key | undefined> {
  const key = await findKeyRow(tx, id)
  return key?.accountId === accountId ? key : undefined
}

/** A managed key of an app. Throws `object.not_found`, also for another app's key. */
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
