import type { Knex } from 'knex'

/**
 * The columns of an index: whose a row is, and an id by which its rows are read page by page.
 *
 * `owner = ? order by id` would say the same. But then PostgreSQL may read the primary key, and everybody else's rows with
 * it, as soon as statistics say that the owner has many rows; with a range of one value only the index gives the order.
 */
type Columns = readonly [owner: string, id: string]

/** Rows of one owner, the highest id first, below `before` where that is given. */
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

/** Rows of one owner, the lowest id first, above `after`. */
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
