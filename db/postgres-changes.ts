import type { Knex } from 'knex'
import pg from 'pg'
import type { Change, ChangeFeed, Hear } from './changes.ts'
import { createProof } from './proof.ts'

const CHANNEL = 'latchkey'
const ANSWER_MS = 3_000
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 2_000
const BEAT = 'beat:'

/** Puts changes into the transaction's own notifications: they leave with its commit, in the order of commits. */
export async function notify(tx: Knex.Transaction, node: string, changes: readonly Change[]): Promise<void> {
  await tx.raw('select pg_notify(?, change) from unnest(?::text[]) as change', [
    CHANNEL,
    changes.map(change => `${node} ${change}`),
  ])
}

/**
 * Listens on a connection of its own. Its proofs are notifications that it sends to itself: PostgreSQL hands them out in
 * the order of commits, so whoever has received one has received everything that was committed before it.
 */
export function followPostgres(url: string, node: string, hear: Hear): Omit<ChangeFeed, 'listen'> {
  let client: pg.Client | undefined
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
    asking = true
    beats += 1
    const name = `${BEAT}${beats}`
    asked.set(name, performance.now())
    try {
      await current.query('select pg_notify($1, $2)', [CHANNEL, `${node} ${name}`])
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

  function lose(lost: pg.Client): void {
    lost.removeAllListeners()
    lost.on('error', () => undefined) // it is given up: what it still has to say changes nothing
    lost.end().catch(() => undefined)
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
    const opening = new pg.Client({
      connectionString: url,
      application_name: 'latchkey changes',
      keepAlive: true,
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
    })
    opening.on('error', () => lose(opening))
    opening.on('end', () => lose(opening))
    opening.on('notification', ({ payload }) => receive(payload ?? ''))
    try {
      await opening.connect()
      await opening.query(`listen ${CHANNEL}`)
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

  return {
    fresh: proof.fresh,
    connected: () => client !== undefined,
    async start() {
      proof.start()
      await open()
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
