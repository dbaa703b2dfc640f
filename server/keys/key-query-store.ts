import type { Knex } from 'knex'
import type { Tx } from '../../db/connect.ts'
import { type Key, type KeyRead, toKey } from './key-store.ts'

/** Literals, as in the indexes of these keys: with a parameter SQLite cannot use them. */
export const WORKING = "keys.status <> 'expired'"

/** The uninstall has ended the key, and its row is not settled yet. */
export const ENDED = `(keys.kept_at is null and exists (select 1 from installations as over
  where over.id = keys.installation_id and over.settle_keys is not null
  and (over.settle_keys = 'expire' or keys.delivered_at is null)))`

/** The uninstall has kept the key, and its row is not settled yet. */
export const KEPT_UNSETTLED = `keys.kept_at is null and keys.delivered_at is not null and keys.installation_id in
  (select id from installations where settle_keys is not null and settle_keys <> 'expire')`

/** Keys of one account, installation or app that work by their rows, whatever their deadlines. */
export const working = (query: Knex.QueryBuilder) => query.whereRaw(`${WORKING} and not ${ENDED}`)

/**
 * Restricts a query to the working keys of one installation. The state of the uninstall is read once, not for each key:
 * for 20,000 keys that would take as long as reading them.
 */
export async function workingOf(
  tx: Tx,
  installationId: string,
): Promise<(query: Knex.QueryBuilder) => Knex.QueryBuilder> {
  const unsettled = await tx('installations').where({ id: installationId }).whereNotNull('settle_keys').first('id')
  return query => (unsettled ? working(query) : query.whereRaw(WORKING)).where('keys.installation_id', installationId)
}

/**
 * The same in terms that the indexes of working keys do not match, because SQLite would choose one with another order.
 */
export const workingInOrder = (query: Knex.QueryBuilder) =>
  query.whereRaw(`keys.status in ('active', 'expiring') and not ${ENDED}`)

/** Keys whose deadlines have not passed. */
export function unended(query: Knex.QueryBuilder, at: number): Knex.QueryBuilder {
  for (const end of ['keys.expires_at', 'keys.freeze_until'])
    query.where(open => open.whereNull(end).orWhere(end, '>', at))
  return query
}

export const newestFirst = (query: Knex.QueryBuilder) =>
  query.orderBy('keys.created_at', 'desc').orderBy('keys.id', 'desc')

export async function listed(query: Knex.QueryBuilder): Promise<Key[]> {
  const rows: KeyRead[] = await query
  return rows.map(toKey)
}
