import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { connect, migrate } from '../../db/connect.ts'

export type FreshDatabase = { url: string; drop(): Promise<void> }

/** The PostgreSQL database that a run migrates once and every world copies. */
const TEMPLATE = 'latchkey_template'

/** An empty database of its own: a file under `dataDir`, or with TEST_POSTGRES_URL a new one on that server. */
export async function freshDatabaseUrl(dataDir: string): Promise<FreshDatabase> {
  const server = process.env['TEST_POSTGRES_URL']
  return server ? await createOnServer(server, '') : { url: `sqlite:${dataDir}/latchkey.db`, drop: async () => {} }
}

/** Like `freshDatabaseUrl`, but already migrated if the run made a template. */
export async function migratedDatabaseUrl(dataDir: string): Promise<FreshDatabase> {
  const template = process.env['TEST_TEMPLATE']
  const server = process.env['TEST_POSTGRES_URL']
  if (!template) return await freshDatabaseUrl(dataDir)
  if (server) return await createOnServer(server, ` template ${TEMPLATE} strategy file_copy`)
  copyFileSync(template, `${dataDir}/latchkey.db`)
  return { url: `sqlite:${dataDir}/latchkey.db`, drop: async () => {} }
}

/**
 * Migrates the database that `migratedDatabaseUrl` copies. Returns the value of TEST_TEMPLATE, and a function that
 * removes it.
 */
export async function createTemplate(postgresUrl?: string): Promise<{ name: string; remove(): void }> {
  if (postgresUrl) {
    await execute(postgresUrl, `create database ${TEMPLATE}`)
    const database = connect({ kind: 'postgres', url: urlOf(postgresUrl, TEMPLATE) })
    await migrate(database)
    await database.close()
    return { name: TEMPLATE, remove: () => {} } // removed with its server
  }
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-template-'))
  const file = join(folder, 'latchkey.db')
  const database = connect({ kind: 'sqlite', file })
  await migrate(database)
  await database.close()
  if (existsSync(`${file}-wal`)) throw new Error('The template has a log beside it; a copy would miss what is there.')
  return { name: file, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Whether this run is on PostgreSQL; for the few tests about one database. */
export const onPostgres = Boolean(process.env['TEST_POSTGRES_URL'])

/** Options of a test of what no database has a part in: in a file that runs on both, it runs with SQLite only. */
export const withSqliteOnly = { skip: onPostgres && 'no database has a part in it' }

async function createOnServer(server: string, options: string): Promise<FreshDatabase> {
  const name = `latchkey_test_${randomBytes(8).toString('hex')}`
  await execute(server, `create database ${name}${options}`)
  return { url: urlOf(server, name), drop: () => execute(server, `drop database if exists ${name} with (force)`) }
}

function urlOf(server: string, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
