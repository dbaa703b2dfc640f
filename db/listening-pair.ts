import pg from 'pg'

/** No statement here takes PostgreSQL longer than this, in milliseconds. */
export const ANSWER_MS = 3_000

/** Two connections: over one what others commit is heard, over the other beats go the way of writes. */
export type Pair = {
  listener: pg.Client
  beater: pg.Client
  /** Whether a beat has come back. */
  heard: boolean
}

/** `listen`: another address of the same database, for where `DATABASE_URL` leads to a pooler in transaction mode. */
export type PostgresUrls = { url: string; listenUrl?: string | undefined }

export function createPair({ url, listenUrl = url }: PostgresUrls): Pair {
  return { listener: connection(listenUrl), beater: connection(url), heard: false }
}

/** Connects both and listens. Returns false if a pooler lends connections for a transaction each: nothing would be heard. */
export async function openPair(pair: Pair, channel: string): Promise<boolean> {
  await Promise.all([pair.listener.connect(), pair.beater.connect()])
  if (await isPooledByTransaction(pair)) return false
  await pair.listener.query(`listen ${channel}`)
  return true
}

/** A LISTEN through such a pooler would stay on one of its connections, and burden the next client that gets it. */
async function isPooledByTransaction({ listener, beater }: Pair): Promise<boolean> {
  const [first, other, later] = [await backendOf(listener), await backendOf(beater), await backendOf(listener)]
  return first === other || first !== later
}

async function backendOf(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid
}

/** Late errors of the closed connection change nothing. */
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
