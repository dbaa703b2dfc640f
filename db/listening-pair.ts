import pg from 'pg'

/** The statement timeout on these connections, in milliseconds. */
export const ANSWER_MS = 3_000

/** Two connections: one listens for other processes' commits, the other sends beats on the same path as writes. */
export type Pair = {
  listener: pg.Client
  beater: pg.Client
  /** Whether a beat has come back. */
  heard: boolean
}

/** `listen`: a direct address of the same database, if `DATABASE_URL` leads to a pooler in transaction mode. */
export type PostgresUrls = { url: string; listenUrl?: string | undefined }

export function createPair({ url, listenUrl = url }: PostgresUrls): Pair {
  return { listener: connection(listenUrl), beater: connection(url), heard: false }
}

/** Connects both and listens. Returns false behind a pooler in transaction mode, through which no notification would arrive. */
export async function openPair(pair: Pair, channel: string): Promise<boolean> {
  await Promise.all([pair.listener.connect(), pair.beater.connect()])
  if (await isPooledByTransaction(pair)) return false
  await pair.listener.query(`listen ${channel}`)
  return true
}

/**
 * Checked before LISTEN: through such a pooler it would stay on one of the pooler's connections, and affect its next client.
 */
async function isPooledByTransaction({ listener, beater }: Pair): Promise<boolean> {
  const [first, other, later] = [await backendOf(listener), await backendOf(beater), await backendOf(listener)]
  return first === other || first !== later
}

async function backendOf(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid
}

/** Late errors of the closed connections are ignored. */
export function closePair({ listener, beater }: Pair): void {
  for (const connection of [listener, beater]) {
    connection.removeAllListeners()
    connection.on('error', () => undefined)
    connection.end().catch(() => undefined)
  }
}

function connection(url: string): pg.Client {
  return new pg.Client({
    connectionString: url,
    application_name: 'latchkey changes',
    keepAlive: true,
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: ANSWER_MS,
  })
}
