import type { Database } from '../../db/connect.ts'

/** Every row of every table as one string, to prove that nothing changed or that a value is absent. */
export async function snapshot({ knex, kind }: Database): Promise<string> {
  const rows =
    kind === 'sqlite'
      ? await knex('sqlite_master').where({ type: 'table' }).pluck('name')
      : await knex('information_schema.tables').where({ table_schema: 'public' }).pluck('table_name')
  const tables = rows.filter((name): name is string => typeof name === 'string').sort()
  const lines: string[] = []
  for (const table of tables) {
    const found: unknown[] = await knex(table)
    lines.push(...found.map(row => `${table} ${JSON.stringify(row)}`).sort())
  }
  return lines.join('\n')
}
