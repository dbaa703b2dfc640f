import { randomBytes } from 'node:crypto'
import pg from 'pg'

export type FreshDatabase = { url: string; drop(): Promise<void> }

/** An empty database of its own: a file under `dataDir`, or with TEST_POSTGRES_URL a new one on that server. */
export async function freshDatabaseUrl(dataDir: string): Promise<FreshDatabase> {
  const server = process.env['TEST_POSTGRES_URL']
  if (!server) return { url: `sqlite:${dataDir}/latchkey.db`, drop: async () => {} }

  const name = `latchkey_test_${randomBytes(8).toString('hex')}`
  await execute(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => execute(server, `drop database if exists ${name} with (force)`) }
}

/** Whether this run is on PostgreSQL; for the few tests that prove something about one database. */
export const onPostgres = Boolean(process.env['TEST_POSTGRES_URL'])

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
