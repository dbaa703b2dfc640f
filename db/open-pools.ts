import knex, { type Knex } from 'knex'
import { migrations } from './migrations.ts'
import { openPostgresPool, type Patience } from './postgres-pool.ts'
import { sqliteReaderConfig, sqliteWriterConfig } from './sqlite-client.ts'

export type DatabaseTarget =
  | { kind: 'sqlite'; file: string }
  /** `listenUrl`: a direct address that bypasses a pooler in transaction mode, for LISTEN. */
  | { kind: 'postgres'; url: string; listenUrl?: string | undefined }

export type Pools = {
  writer: Knex
  /** The same as the writer on PostgreSQL. */
  reader: Knex
  /** Discards all connections that are open now. */
  renew(reason: Error): void
}

/** knex also throws what it logs; without this it would write to standard output, among the results. */
const SILENT = Object.fromEntries(['warn', 'error', 'deprecate', 'debug'].map(level => [level, () => undefined]))

/** `lost` is called when connections turn out to lead to a server that is gone or read-only. */
export function openPools(
  target: DatabaseTarget,
  { patience, fullPoolMs, lost }: { patience: Patience; fullPoolMs: number; lost(): void },
): Pools {
  const common = {
    log: SILENT,
    compileSqlOnError: false, // errors name the statement without its values, because they are logged
    acquireConnectionTimeout: fullPoolMs,
    migrations: { migrationSource: migrations },
  }
  if (target.kind === 'postgres') {
    const { knex: pool, renew } = openPostgresPool(target.url, patience, lost, common)
    return { writer: pool, reader: pool, renew }
  }
  return {
    writer: knex({ ...sqliteWriterConfig(target.file), ...common }),
    reader: knex({ ...sqliteReaderConfig(target.file), ...common }),
    renew: () => undefined, // the file stays where it is
  }
}
