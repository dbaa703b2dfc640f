import type { Knex } from 'knex'

/**
 * The columns of an index: the owner of a row, and the id by which rows are paged.
 *
 * `owner = ? order by id` means the same. But PostgreSQL may then scan the primary key, with everybody's rows, as soon as
 * statistics say that the owner has many rows; with a range of one value only the index has the order.
 */
type Columns = readonly [owner: string, id: string]

/** Rows of one owner, highest id first, below `before` if given. */
export function newestOf<Query extends Knex.QueryBuilder>(
  query: Query,
  [owner, id]: Columns,
  value: string,
  before?: string | undefined,
): Query {
  query.where(owner, '>=', value).orderBy(owner, 'desc').orderBy(id, 'desc')
  if (before === undefined) query.where(owner, '<=', value)
  else query.whereRaw('(??, ??) < (?, ?)', [owner, id, value, before])
  return query
}

/** Rows of one owner, lowest id first, above `after`. */
export function oldestOf<Query extends Knex.QueryBuilder>(
  query: Query,
  [owner, id]: Columns,
  value: string,
  after = '',
): Query {
  query.where(owner, '<=', value).whereRaw('(??, ??) > (?, ?)', [owner, id, value, after])
  query.orderBy(owner).orderBy(id)
  return query
}
