import type { Knex } from 'knex'
import pg from 'pg'
import type { Change, Follower, Hear } from './changes.ts'
import { createProof } from './proof.ts'

const CHANNEL = 'latchkey'
const ANSWER_MS = 3_000
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 2_000
const BEAT = 'beat:'
/** So many beats that did not come back are a channel that is dead. */
const MOST_UNANSWERED = 30

type Pair = { listener: pg.Client; beater: pg.Client }

/** Puts changes into the transaction's own notifications: they leave with its commit, in the order of commits. */
export async function notify(tx: Knex.Transaction, node: string, changes: readonly Change[]): Promise<void> {
  await tx.raw('select pg_notify(?, change) from unnest(?::text[]) as change', [
    CHANNEL,
    changes.map(change => `${node} ${change}`),
  ])
}

/**
 * Listens on a connection of its own. Its proofs are notifications that it sends to itself over another one: PostgreSQL
 * hands them out in the order of commits, so whoever has received one has received everything that was committed before
 * it. Over the same one a pooler between could hand back the beat and withhold all else.
 */
export function followPostgres(url: string, node: string, hear: Hear): Follower {
  let client: Pair | undefined
  let stopped = false
  let reconnecting: NodeJS.Timeout | undefined
  let pause = FIRST_PAUSE
  let beats = 0
  let asking = false
  const asked = new Map<string, number>()
  const proof = createProof(() => void beat())

  async function beat(): Promise<void> {
    const current = client
    if (!current || asking) return
    if (asked.size >= MOST_UNANSWERED) {
      lose(current)
      return
    }
    asking = true
    beats += 1
    const name = `${BEAT}${beats}`
    asked.set(name, performance.now())
    try {
      await current.beater.query('select pg_notify($1, $2)', [CHANNEL, `${node} ${name}`])
    } catch {
      lose(current)
    } finally {
      asking = false
    }
  }

  function receive(payload: string): void {
    const space = payload.indexOf(' ')
    const [sender, said] = [payload.slice(0, space), payload.slice(space + 1)]
    if (!said.startsWith(BEAT)) {
      if (sender !== node) hear(said as Change) // our own were heard at the commit
      return
    }
    if (sender !== node) return
    const at = asked.get(said)
    for (const earlier of asked.keys()) {
      asked.delete(earlier)
      if (earlier === said) break
    }
    if (at !== undefined) proof.given(at)
  }

  function lose(lost: Pair): void {
    for (const connection of [lost.listener, lost.beater]) {
      connection.removeAllListeners()
      connection.on('error', () => undefined) // it is given up: what it still has to say changes nothing
      connection.end().catch(() => undefined)
    }
    if (client !== lost) return
    client = undefined
    asked.clear()
    proof.lost()
    hear('anything')
    again()
  }

  function again(): void {
    if (stopped) return
    reconnecting = setTimeout(() => void open(), pause).unref()
    pause = Math.min(pause * 2, LONGEST_PAUSE)
  }

  async function open(): Promise<void> {
    const opening: Pair = { listener: connection(), beater: connection() }
    const { listener, beater } = opening
    for (const half of [listener, beater]) half.on('error', () => lose(opening)).on('end', () => lose(opening))
    listener.on('notification', ({ payload }) => receive(payload ?? ''))
    try {
      await Promise.all([listener.connect(), beater.connect()])
      await listener.query(`listen ${CHANNEL}`)
    } catch {
      lose(opening)
      again()
      return
    }
    if (stopped) {
      lose(opening)
      return
    }
    client = opening
    pause = FIRST_PAUSE
    hear('anything') // nobody told us what happened before
    await beat()
  }

  function connection(): pg.Client {
    return new pg.Client({
      connectionString: url,
      application_name: 'latchkey changes',
      keepAlive: true,
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
    })
  }

  return {
    fresh: proof.fresh,
    connected: () => client !== undefined,
    async start() {
      proof.start()
      await open()
    },
    doubt() {
      if (client) lose(client)
    },
    async stop() {
      stopped = true
      clearTimeout(reconnecting)
      proof.stop()
      const last = client
      client = undefined
      if (last) lose(last)
    },
  }
}
