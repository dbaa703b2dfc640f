import type { Knex } from 'knex'

const CONNECT_MS = 5_000
const MOST_CONNECTIONS = 10

/** How long a statement may take, in milliseconds; whoever migrates lifts it. */
export type Patience = { ms: number }

type Query = { text: string; query_timeout?: number }
type Connection = {
  query(query: Query, done: (error: Error | null, result: unknown) => void): unknown
  /** knex throws such a connection away instead of lending it again. */
  __knex__disposed?: unknown
}

/**
 * Connections to PostgreSQL that are given up when a statement is not answered in time. After a failover, or where a
 * network falls silent, the system would find out after a quarter of an hour, and all of them would wait as long.
 */
export function postgresConfig(url: string, patience: Patience): Knex.Config {
  return {
    client: 'pg',
    connection: {
      connectionString: url,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
    } as Knex.PgConnectionConfig,
    pool: {
      min: 0,
      max: MOST_CONNECTIONS,
      afterCreate(connection: Connection, done: (error: null, connection: Connection) => void) {
        const ask = connection.query.bind(connection)
        connection.query = (query, answered) => {
          const bounded = Number.isFinite(patience.ms) ? { ...query, query_timeout: patience.ms } : query
          return ask(bounded, (error, result) => {
            if (error?.message === 'Query read timeout') connection.__knex__disposed = error
            answered(error, result)
          })
        }
        done(null, connection)
      },
    },
  }
}
