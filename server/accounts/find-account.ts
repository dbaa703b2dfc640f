import type { Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'
import type { Account } from './account-store.ts'

export async function findAccount(tx: Tx, accountId: string): Promise<Account | undefined> {
  return await tx('accounts').where({ id: accountId }).first('id', 'name')
}

export type ManagedAccount = Account & {
  /** Set where the operator's own system says who is a member. */
  externalId: string | null
}

/** An account with whoever manages its members, locked until the transaction ends, or only read. */
export async function lockManagedAccount(
  tx: Tx,
  accountId: string,
  how: 'lock' | 'look' = 'lock',
): Promise<ManagedAccount | undefined> {
  if (how === 'lock') await lockAccount(tx, accountId)
  return await tx('accounts').where({ id: accountId }).first('id', 'name', 'external_id as externalId')
}

/** The names of accounts by their ids. */
export async function accountNames(tx: Tx, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows: Account[] = await tx('accounts')
    .whereRaw(isAmong(tx, 'id', [...new Set(ids)]))
    .select('id', 'name')
  return new Map(rows.map(({ id, name }) => [id, name]))
}

/**
 * Locks an account's row until the transaction ends, so that counts of its keys stay correct; other rows may still
 * refer to it. Lock it after every other row.
 */
export async function lockAccount(tx: Tx, accountId: string): Promise<void> {
  const query = tx('accounts').where({ id: accountId })
  await (tx.client.config.client === 'pg' ? query.forNoKeyUpdate() : query).first('id')
}
