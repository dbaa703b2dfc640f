import type { Knex } from 'knex'
import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'
import { WORKING } from './key-states.ts'

/**
 * The only way to change keys: announces the change, so that cached copies are dropped when it commits. Returns the number
 * of changed keys.
 */
export async function changeKeys(tx: Tx, which: Knex.QueryBuilder, change: Record<string, unknown>): Promise<number> {
  const changed: { hash: string }[] = await which.update(change).returning('hash')
  for (const { hash } of changed) announce(tx, `key:${hash}`)
  return changed.length
}

/**
 * The same for many keys at once: copies of whole installations are dropped, so that only the statement itself depends on
 * the number of keys.
 */
export async function changeMany(tx: Tx, which: Knex.QueryBuilder, change: Record<string, unknown>): Promise<number> {
  const changed: { installation_id: string }[] = await which.update(change).returning('installation_id')
  for (const id of new Set(changed.map(row => row.installation_id))) announce(tx, `installation:${id}`)
  return changed.length
}

/** A literal, as in the indexes of these keys: with parameters SQLite cannot use them. */
export const WORKS = "status <> 'expired'"

/** Keys past their deadline expire as of that time; the runner of deadlines sends the events. */
export function unended(query: Knex.QueryBuilder, at: number): Knex.QueryBuilder {
  for (const end of ['expires_at', 'freeze_until']) query.where(open => open.whereNull(end).orWhere(end, '>', at))
  return query.whereRaw(WORKS)
}

/** A key that still works by its row. */
export const workingRow = (tx: Tx, id: string) =>
  tx('keys')
    .where({ id })
    .whereIn('status', [...WORKING])
