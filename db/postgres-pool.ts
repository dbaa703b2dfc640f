import knex, { type Knex } from 'knex'
import type pg from 'pg'
import { DatabaseAway } from '../server/base/errors.ts'
import { isLost, isUnanswered } from './away.ts'

const CONNECT_MS = 5_000
const MOST_CONNECTIONS = 10

/** The statement timeout in milliseconds; migrations lift it. */
export type Patience = { ms: number }

type Answered = (error: Error | null, result: unknown) => void
type Connection = Omit<pg.Client, 'query'> & {
  query(query: { text: string; query_timeout?: number }, answered: Answered): unknown
  /** knex destroys a connection with this instead of reusing it. */
  __knex__disposed?: unknown
}

export type PostgresPool = {
  knex: Knex
  /** Discards all connections that are open now; `lost` has been called. */
  renew(reason: Error): void
}

/**
 * Connections to PostgreSQL. All of them are replaced, and `lost` is called, as soon as one shows that its server is gone,
 * shutting down or read-only, because another server may have the address by then. A statement timeout counts too: after a
 * failover, or if the network fails silently, the operating system would take a quarter of an hour to notice.
 */
export function openPostgresPool(url: string, patience: Patience, lost: () => void, common: Knex.Config): PostgresPool {
  const open = new Map<Connection, number>()
  let generation = 0

  function renew(reason: Error, of = generation): void {
    if (of < generation) return // it was discarded already
    generation += 1
    for (const connection of open.keys()) connection.__knex__disposed ??= reason
    lost()
  }

  /** Watches the statements of a new connection. */
  function watch(connection: Connection, born: number): void {
    open.set(connection, born)
    connection.once('end', () => open.delete(connection))
    if (born < generation) connection.__knex__disposed = new Error('its server was given up while it was opened')
    const ask = connection.query.bind(connection)
    connection.query = (query, answered) => {
      const bounded = Number.isFinite(patience.ms) ? { ...query, query_timeout: patience.ms } : query
      return ask(bounded, (error, result) => {
        const timedOut = isUnanswered(error)
        if (error && (isLost(error) || timedOut)) {
          connection.__knex__disposed ??= error
          renew(error, born)
        }
        answered(error, result)
        if (timedOut) connection.end(() => undefined) // a ROLLBACK would wait as long
      })
    }
  }

  const pool = connectionsTo(url, common)
  const client: { acquireRawConnection(): Promise<Connection> } = pool.client
  const connect = client.acquireRawConnection.bind(client)
  client.acquireRawConnection = async () => {
    const born = generation
    try {
      const connection = await connect()
      await refuseStandby(connection)
      watch(connection, born)
      return connection
    } catch (cause) {
      throw new DatabaseAway(cause)
    }
  }
  return { knex: pool, renew }
}

function connectionsTo(url: string, common: Knex.Config): Knex {
  return knex({
    ...common,
    client: 'pg',
    connection: {
      connectionString: url,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
    } as Knex.PgConnectionConfig,
    pool: { min: 0, max: MOST_CONNECTIONS },
  })
}

/** Reads from a standby lag behind: a revoked key could verify. Its address will soon be the primary's, or is wrong. */
async function refuseStandby(connection: Connection): Promise<void> {
  const query = { text: 'select pg_is_in_recovery() as standby', query_timeout: CONNECT_MS }
  const standby = await new Promise<boolean>((resolve, reject) => {
    connection.query(query, (error, result) => {
      if (error) reject(error)
      else resolve((result as pg.QueryResult<{ standby: boolean }>).rows[0]?.standby === true)
    })
  }).catch(error => {
    connection.end(() => undefined)
    throw error
  })
  if (!standby) return
  connection.end(() => undefined)
  throw new Error('the server is a standby')
}
