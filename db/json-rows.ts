import type { Knex } from 'knex'

type Value = string | number | null

const POSTGRES = { text: 'varchar', integer: 'bigint' } as const

/**
 * Many rows as one table expression with one parameter: a statement with a parameter per value takes the main thread long to
 * build and bind, and the number of parameters is limited. The result has the columns in the order of `columns`.
 */
export function jsonRows(
  tx: Knex.Transaction,
  columns: Record<string, 'text' | 'integer'>,
  rows: readonly (readonly Value[])[],
): Knex.Raw {
  const names = Object.entries(columns)
  const json = JSON.stringify(rows)
  if (tx.client.config.client === 'pg') {
    const read = names.map(([name, type], at) => `(item ->> ${at})::${POSTGRES[type]} as "${name}"`)
    return tx.raw(`select ${read.join(', ')} from json_array_elements(?::json) as item where true`, [json])
  }
  const read = names.map(([name], at) => `json_extract(value, '$[${at}]') as "${name}"`)
  return tx.raw(`select ${read.join(', ')} from json_each(?) where true`, [json]) // without `where`, "on conflict" parses as a join
}

/** Whether a column has one of many values, with one parameter for all of them. */
export function isAmong(tx: Knex.Transaction, column: string, values: readonly string[]): Knex.Raw {
  if (tx.client.config.client === 'pg') return tx.raw('?? = any(?)', [column, [...values]])
  return tx.raw('?? in (select value from json_each(?))', [column, JSON.stringify(values)])
}
