import { createRequire } from 'node:module'
import type knex from 'knex'
import { isLost } from './away.ts'

// The dialect is not among knex's typed exports. Only this file knows the driver.
const require = createRequire(import.meta.url)
type Connection = {
  exec(sql: string, done: (error: Error | null) => void): void
  /** `PRAGMA synchronous` of this connection; undefined at first, when it is FULL. */
  synchronous?: 'FULL' | 'NORMAL'
  /** knex closes a connection with this instead of lending it again. */
  __knex__disposed?: unknown
}
type SqliteTransaction = {
  query(connection: unknown, sql: string): Promise<unknown>
  begin(connection: Connection): Promise<unknown>
  readOnly?: boolean
}
type SqliteClient = new (
  config: object,
) => {
  transaction(...args: unknown[]): SqliteTransaction
  _query(connection: Connection, query: { sql: string }): Promise<unknown>
}
const BaseClient: SqliteClient = require('knex/lib/dialects/sqlite3/index.js')

const relaxed = Symbol('relaxed')

/** The configuration of a transaction that does not wait for the disk; knex copies the symbol along. */
export const RELAXED = Object.freeze({ [relaxed]: true }) as knex.Knex.TransactionConfig

function isRelaxed(config: unknown): boolean {
  return typeof config === 'object' && config !== null && relaxed in config
}

/**
 * SQLite whose transactions begin with BEGIN IMMEDIATE: a deferred one that reads and then writes fails at once if another
 * process writes, whatever the busy timeout; an immediate one waits. Read-only ones stay deferred and never wait. A connection
 * that has lost its file, or whose transaction could not be ended, is reopened.
 */
export class ImmediateSqliteClient extends BaseClient {
  override _query(connection: Connection, query: { sql: string }): Promise<unknown> {
    return super._query(connection, query).catch(error => {
      if (isLost(error) || /^(?:commit|rollback)\b/i.test(query.sql)) connection.__knex__disposed ??= error
      throw error
    })
  }

  override transaction(...args: unknown[]): SqliteTransaction {
    const transaction = super.transaction(...args)
    transaction.begin = async (connection: Connection) => {
      if (transaction.readOnly) return await transaction.query(connection, 'BEGIN;')
      const level = isRelaxed(args[1]) ? 'NORMAL' : 'FULL'
      if (connection.synchronous !== level) {
        await transaction.query(connection, `PRAGMA synchronous = ${level};`)
        connection.synchronous = level
      }
      return await transaction.query(connection, 'BEGIN IMMEDIATE;')
    }
    return transaction
  }
}

const SHARED_PRAGMAS = ['busy_timeout = 10000', 'journal_mode = WAL']
const WRITER_PRAGMAS = [...SHARED_PRAGMAS, 'synchronous = FULL', 'foreign_keys = ON', 'secure_delete = ON']
const READER_PRAGMAS = [...SHARED_PRAGMAS, 'query_only = ON']

/** Concurrent reads, beside the writer; each has its own thread. */
const READERS = 3
const FOREVER = 2 ** 31 - 1

/** The writer's configuration: one connection, because SQLite has one writer. */
export function sqliteWriterConfig(filename: string): knex.Knex.Config {
  return sqliteConfig(filename, WRITER_PRAGMAS, { min: 1, max: 1, idleTimeoutMillis: FOREVER })
}

/** Read-only connections: in WAL mode they neither wait for the writer nor delay it. */
export function sqliteReaderConfig(filename: string): knex.Knex.Config {
  return sqliteConfig(filename, READER_PRAGMAS, { min: 0, max: READERS, idleTimeoutMillis: FOREVER })
}

/** One connection that only checks whether others have written: `data_version` is per connection. */
export function sqliteFollowerConfig(filename: string): knex.Knex.Config {
  return sqliteConfig(filename, READER_PRAGMAS, { min: 0, max: 1, idleTimeoutMillis: FOREVER })
}

function sqliteConfig(filename: string, pragmas: readonly string[], pool: knex.Knex.PoolConfig): knex.Knex.Config {
  return {
    client: ImmediateSqliteClient as unknown as typeof knex.Client,
    connection: { filename },
    useNullAsDefault: true,
    pool: {
      ...pool,
      reapIntervalMillis: FOREVER, // idle connections are never closed; looking for them every second would wake an idle process
      afterCreate: (connection: Connection, done: (error: Error | null) => void) =>
        connection.exec(pragmas.map(pragma => `PRAGMA ${pragma};`).join(''), done),
    },
  }
}
