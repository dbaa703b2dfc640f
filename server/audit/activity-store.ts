import { locked, type Tx } from '../../db/connect.ts'

export type ActivityRow = {
  account_id: string
  number: number
  at: number
  actor_type: string
  actor_id: string
  what: string
  object: string
  ip: string
  /** JSON. */
  data: string
  hash: string
}

export type Head = { number: number; hash: string }

/** The end of an account's chain, held until the transaction ends, so that two writers never continue the same link. */
export async function lockHead(tx: Tx, accountId: string): Promise<Head> {
  const start = { account_id: accountId, number: 0, hash: '' }
  await tx('activity_heads').insert(start).onConflict('account_id').ignore()
  return await locked(tx('activity_heads').where({ account_id: accountId })).first('number', 'hash')
}

export async function append(tx: Tx, row: ActivityRow): Promise<void> {
  await tx('activity').insert(row)
  await tx('activity_heads').where({ account_id: row.account_id }).update({ number: row.number, hash: row.hash })
}

export async function listActivity(tx: Tx, accountId: string, before: number, limit: number): Promise<ActivityRow[]> {
  return await tx('activity')
    .where({ account_id: accountId })
    .where('number', '<', before)
    .orderBy('number', 'desc')
    .limit(limit)
}

export async function readChain(tx: Tx, accountId: string, from: number, limit: number): Promise<ActivityRow[]> {
  return await tx('activity')
    .where({ account_id: accountId })
    .where('number', '>=', from)
    .orderBy('number')
    .limit(limit)
}

export async function listHeads(tx: Tx): Promise<(Head & { account_id: string })[]> {
  return await tx('activity_heads').select('account_id', 'number', 'hash').orderBy('account_id')
}

/** Accounts that have entries and whose chain has lost its end. */
export async function listHeadless(tx: Tx): Promise<string[]> {
  return await tx('activity')
    .whereNotIn('account_id', tx('activity_heads').select('account_id'))
    .distinct('account_id')
    .orderBy('account_id')
    .pluck('account_id')
}
