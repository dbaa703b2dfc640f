import type { Knex } from 'knex'
import pg from 'pg'
import { opaqueToken, systemRandom } from '../server/base/random.ts'
import { isReadOnly } from './away.ts'
import { type Change, type ChangeFeed, createNews, gathering, type Hear } from './changes.ts'
import { claimFile } from './claim-file.ts'
import { migrationState, schemaFault } from './migration-state.ts'
import { type DatabaseTarget, openPools } from './open-pools.ts'
import { followPostgres, notify } from './postgres-changes.ts'
import { type Progress, repeating } from './repeating.ts'
import { followSqlite, writeChanges } from './sqlite-changes.ts'
import { RELAXED } from './sqlite-client.ts'

/** An open transaction. Every store and verb takes one; no query runs outside one. */
export type Tx = Knex.Transaction

export type Database = {
  knex: Knex
  kind: 'sqlite' | 'postgres'
  /** Runs `work` in one transaction: immediate on SQLite, READ COMMITTED on PostgreSQL. */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>
  /**
   * Like `transaction`, for short-lived rows: it does not wait for the disk. A process crash loses nothing; a power failure may
   * lose the last of these commits, but never one of a `transaction`.
   */
  relaxed<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>
  /** Runs `work` in a read-only transaction with one consistent view; no writer waits for it. */
  read<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>
  /** Runs `work`, which makes exactly one query, without the two statements of a transaction around it. */
  look<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>
  /** The names of the migrations that have not run on this database. Read-only. */
  pendingMigrations(): Promise<string[]>
  /** Runs `work` without a statement timeout. */
  patiently<Result>(work: () => Promise<Result>): Promise<Result>
  /** The commits of this process and others. */
  changes: ChangeFeed
  close(): Promise<void>
}

export type { DatabaseTarget } from './open-pools.ts'

// Times and counters are 64-bit integers below 2^53. As strings they would compare wrongly.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

/** PostgreSQL's statement timeout; after it the connection is closed. */
const PATIENCE_MS = 20_000

/** How long a caller waits for a free connection before it gets `DatabaseAway`. */
const FULL_POOL_MS = 20_000

/** Opens the database without touching its schema. */
export function connect(
  target: DatabaseTarget,
  { patienceMs = PATIENCE_MS, fullPoolMs = FULL_POOL_MS } = {},
): Database {
  const patience = { ms: patienceMs }
  if (target.kind === 'sqlite') claimFile(target.file)
  const lost = () => feed.doubt()
  const { writer, reader, renew } = openPools(target, { patience, fullPoolMs, lost })
  const oneView = target.kind === 'postgres' ? ({ isolationLevel: 'repeatable read' } as const) : {}
  const node = opaqueToken(systemRandom).slice(0, 12)
  const { hear, connected, listen, watch } = createNews()
  const publish = (tx: Tx, changes: readonly Change[]) =>
    target.kind === 'sqlite' ? writeChanges(tx, node, changes) : notify(tx, node, changes)
  const feed =
    target.kind === 'sqlite'
      ? followSqlite(target.file, node, { hear, connected })
      : followPostgres(target, node, { hear, connected }, renew)

  const writing = createWriting(writer, publish, hear)
  return {
    knex: writer,
    kind: target.kind,
    transaction: work => writing(work),
    relaxed: work =>
      target.kind === 'sqlite'
        ? writing(work, RELAXED)
        : writing(async tx => {
            await tx.raw('set local synchronous_commit to off')
            return await work(tx)
          }),
    changes: { ...feed, listen, watch },
    read: createReading(reader, oneView),
    look: work => repeating(() => work(reader as unknown as Tx)), // the query builder has the same type; only a transaction's own methods are missing
    async patiently(work) {
      patience.ms = Number.POSITIVE_INFINITY
      try {
        return await work()
      } finally {
        patience.ms = patienceMs
      }
    },
    pendingMigrations: () => repeating(async () => (await migrationState(reader)).pending),
    close: async () => {
      await feed.stop()
      await reader.destroy()
      await writer.destroy()
    },
  }
}

type Publish = (tx: Tx, changes: readonly Change[]) => Promise<void>

/** Write transactions, which announce what they changed. */
function createWriting(writer: Knex, publish: Publish, hear: Hear) {
  /**
   * Announced changes are applied in this process after the commit and before any response; also if the commit fails, because
   * it may have succeeded and its result been lost.
   */
  async function writeOnce<Result>(
    work: (tx: Tx) => Promise<Result>,
    progress: Progress,
    config?: Knex.TransactionConfig,
  ): Promise<Result> {
    let published: readonly Change[] = []
    try {
      return await writer.transaction(async tx => {
        const gathered = gathering(tx, work, async changes => {
          published = changes
          await publish(tx, changes)
        })
        const result = await gathered.catch(error => {
          progress.failure = error
          throw error
        })
        progress.committing = true
        return result
      }, config)
    } finally {
      for (const change of published) hear(change)
    }
  }

  return <Result>(work: (tx: Tx) => Promise<Result>, config?: Knex.TransactionConfig) =>
    repeating(progress => writeOnce(work, progress, config))
}

/** Read-only transactions, with one view of the database each. */
function createReading(reader: Knex, view: Knex.TransactionConfig) {
  return <Result>(work: (tx: Tx) => Promise<Result>) =>
    repeating(async progress => {
      const once = async (tx: Tx) =>
        await work(tx).catch(error => {
          progress.failure = isReadOnly(error) ? new Error('a read-only transaction wrote', { cause: error }) : error
          throw progress.failure
        })
      return await reader.transaction(once, { readOnly: true, ...view })
    })
}

/**
 * Updates the schema in one transaction; of several nodes that start at once, one migrates and the others wait. Throws
 * `SchemaFault`, and changes nothing, if the database was migrated by an unreleased checkout.
 */
export async function migrate(database: Database): Promise<void> {
  const state = await database.read(migrationState)
  const fault = schemaFault(state)
  if (fault) throw fault
  if (state.pending.length === 0) return
  await database.patiently(() =>
    database.transaction(async tx => {
      if (database.kind === 'postgres') await tx.raw(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`)
      await tx.migrate.latest()
    }),
  )
}

/** An arbitrary number that no other lock in the database uses. */
const MIGRATION_LOCK = 5_284_237_001

/** Whether an insert failed on a unique index, on either database. */
export function isUniqueViolation(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === '23505' || (error.code === 'SQLITE_CONSTRAINT' && /UNIQUE|PRIMARY KEY/.test(error.message))
}

/** `for update` on PostgreSQL; on SQLite an immediate transaction is the only writer anyway. */
export function locked<Query extends Knex.QueryBuilder>(query: Query): Query {
  return query.client.config.client === 'pg' ? (query.forUpdate() as Query) : query
}

/** Like `locked`, but skips rows that another transaction has locked. */
export function lockedOrSkipped<Query extends Knex.QueryBuilder>(query: Query): Query {
  return query.client.config.client === 'pg' ? (query.forNoKeyUpdate().skipLocked() as Query) : query
}

/** Keeps other writers out of a small table until the transaction ends; an immediate SQLite transaction does so anyway. */
export async function lockTable(tx: Tx, table: string): Promise<void> {
  if (tx.client.config.client === 'pg') await tx.raw('lock table ?? in share row exclusive mode', [table])
}

/** Serializes transactions that lock the same name until this one ends; immediate SQLite transactions are serialized anyway. */
export async function lockName(tx: Tx, name: string): Promise<void> {
  if (tx.client.config.client === 'pg') await tx.raw('select pg_advisory_xact_lock(hashtextextended(?, 0))', [name])
}
