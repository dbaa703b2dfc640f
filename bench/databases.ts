/**
 * Empty databases for measurements: files in a temporary folder, or databases of a PostgreSQL server started for this run with
 * its default durability (fsync and synchronous_commit on), like SQLite's here (WAL, synchronous = FULL).
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgresServer } from '../tests/support/postgres-server.ts'

export type Databases = {
  kind: 'sqlite' | 'postgres'
  /** Environment variables that name an empty data folder and an empty database. */
  next(): Promise<Record<string, string>>
  close(): Promise<void>
}

const SECRET = 'a root secret that is used in measurements only'

export async function openDatabases(kind: Databases['kind']): Promise<Databases> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const postgres = kind === 'postgres' ? await startPostgresServer({ durable: true }) : undefined
  let made = 0
  return {
    kind,
    async next() {
      made += 1
      const dataDir = join(folder, String(made))
      mkdirSync(dataDir)
      if (!postgres) return { DATA_DIR: dataDir }
      const name = `bench${made}`
      await postgres.create(name)
      return { DATA_DIR: dataDir, DATABASE_URL: postgres.url(name), LATCHKEY_SECRET: SECRET }
    },
    async close() {
      await postgres?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
