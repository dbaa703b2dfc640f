import type { Knex } from 'knex'
import { SchemaFault } from '../server/base/errors.ts'
import { migrations } from './migrations.ts'

/** Names of migrations: `pending` have not run on a database; `unknown` ran there and are not part of this version. */
export type MigrationState = { pending: string[]; unknown: string[] }

/** Reads which migrations have run. Read-only. */
export async function migrationState(db: Knex): Promise<MigrationState> {
  const steps = (await migrations.getMigrations([])).map(step => migrations.getMigrationName(step))
  if (!(await db.schema.hasTable('knex_migrations'))) return { pending: steps, unknown: [] }
  const done: string[] = await db('knex_migrations').orderBy('id').pluck('name')
  return { pending: steps.filter(name => !done.includes(name)), unknown: done.filter(name => !steps.includes(name)) }
}

/**
 * Why this version cannot migrate a database: the database has migrations that this version does not know, and lacks some that
 * this version has, so it belongs to neither an older release nor a newer one. Undefined if it can; a newer release's database
 * lacks none and is left alone.
 */
export function schemaFault({ pending, unknown }: MigrationState): SchemaFault | undefined {
  return pending.length > 0 && unknown.length > 0 ? new SchemaFault(unknown) : undefined
}
