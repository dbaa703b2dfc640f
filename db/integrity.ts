import type { Database } from './connect.ts'

/**
 * Faults inside a SQLite file, a sentence each; empty if it is sound. Reads the whole file: seconds per gigabyte. Returns none
 * for PostgreSQL, which has `pg_amcheck`.
 */
export async function integrityFaults({ knex, kind }: Database): Promise<string[]> {
  if (kind !== 'sqlite') return []
  const found = (await knex.raw('pragma integrity_check')) as { integrity_check: string }[]
  const orphans = (await knex.raw('pragma foreign_key_check')) as { table: string; parent: string }[]
  return [
    ...found.map(row => row.integrity_check).filter(text => text !== 'ok'),
    ...orphans.map(({ table, parent }) => `a row of ${table} refers to a row of ${parent} that is not there`),
  ]
}
