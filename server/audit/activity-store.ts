import { locked, type Tx } from '../../db/connect.ts'

export type ActivityRow = {
  account_id: string
  number: number
  at: number
  actor_type: string
  actor_id: string
  what: string
  object: string
  /** The app that the entry is about; beside the chain, for lists. */
  app_id: string | null
  /** JSON. */
  data: string
  /** JSON of personal values; null if there are none or they were erased. */
  personal: string | null
  personal_salt: string | null
  /** The commitment to the personal values; empty if there were none. */
  commitment: string
  hash: string
}

/** The head of a chain. */
export type Head = { number: number; hash: string; seal: string }

/**
 * Locks the head of an account's chain until the transaction ends, so that two writers never continue the same entry.
 */
export async function lockHead(tx: Tx, accountId: string): Promise<Head> {
  const start = { account_id: accountId, number: 0, hash: '', seal: '' }
  await tx('activity_heads').insert(start).onConflict('account_id').ignore()
  return await locked(tx('activity_heads').where({ account_id: accountId })).first('number', 'hash', 'seal')
}

export async function append(tx: Tx, row: ActivityRow, seal: string): Promise<void> {
  await tx('activity').insert(row)
  const { account_id, number, hash } = row
  await tx('activity_heads').where({ account_id }).update({ number, hash, seal })
}

export async function readChain(tx: Tx, accountId: string, from: number, limit: number): Promise<ActivityRow[]> {
  return await tx('activity')
    .where({ account_id: accountId })
    .where('number', '>=', from)
    .orderBy('number')
    .limit(limit)
}

/** Heads of chains in the order of their accounts, after `after`. */
export async function listHeads(tx: Tx, after: string, limit: number): Promise<(Head & { account_id: string })[]> {
  return await tx('activity_heads')
    .where('account_id', '>', after)
    .orderBy('account_id')
    .limit(limit)
    .select('account_id', 'number', 'hash', 'seal')
}

/** Steps from account to account by the primary key; a `distinct` would read every entry. */
const EACH_ACCOUNT = `select min(account_id) from activity
  union all select (select min(a.account_id) from activity as a where a.account_id > logs.account_id)
  from logs where logs.account_id is not null`

/** Accounts whose chain has no head: each has at least the entry of its creation. */
export async function listHeadless(tx: Tx): Promise<string[]> {
  const headOf = (column: string) =>
    tx('activity_heads as head').whereRaw('head.account_id = ??', [column]).select('number')
  const logs: string[] = await tx
    .withRecursive('logs', ['account_id'], tx.raw(EACH_ACCOUNT))
    .from('logs')
    .whereNotNull('logs.account_id')
    .whereNotExists(headOf('logs.account_id'))
    .pluck('logs.account_id')
  const accounts: string[] = await tx('accounts').whereNotExists(headOf('accounts.id')).pluck('id')
  return [...new Set([...logs, ...accounts])].sort()
}
