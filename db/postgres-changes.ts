import type { Knex } from 'knex'
import { realElapsed } from '../server/base/clock.ts'
import { isReadOnly, isUnanswered } from './away.ts'
import type { Change, Follower, FollowerNews } from './changes.ts'
import { ANSWER_MS, closePair, createPair, openPair, type Pair, type PostgresUrls } from './listening-pair.ts'
import { createProof } from './proof.ts'

const CHANNEL = 'latchkey'
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 2_000
/** Between two attempts to listen where what was sent does not come back: a pooler stands between, and stays there. */
const DEAF_PAUSE = 15_000
const BEAT = 'beat:'

/** Puts changes into the transaction's own notifications: they leave with its commit, in the order of commits. */
export async function notify(tx: Knex.Transaction, node: string, changes: readonly Change[]): Promise<void> {
  await tx.raw('select pg_notify(?, change) from unnest(?::text[]) as change', [
    CHANNEL,
    changes.map(change => `${node} ${change}`),
  ])
}

/**
 * Listens on a connection of its own. Its proofs are notifications that it sends to itself over another one, on the way
 * that writes take: PostgreSQL hands them out in the order of commits, so whoever has received one has received everything
 * that was committed before it. It is connected only while they come back; through a pooler in transaction mode LISTEN
 * succeeds, and nothing ever arrives. `distrust` is called if the server takes no writes, or is silent: another one may be
 * at its address.
 */
export function followPostgres(
  urls: PostgresUrls,
  node: string,
  { hear, connected }: FollowerNews,
  distrust: (reason: Error) => void,
): Follower {
  let client: Pair | undefined
  let stopped = false
  let reconnecting: NodeJS.Timeout | undefined
  let pause = FIRST_PAUSE
  let beats = 0
  let asking = false
  const asked = new Map<string, number>()
  const proof = createProof(() => void beat())
  const known = Promise.withResolvers<void>()

  function tell(now: boolean): void {
    connected(now)
    known.resolve()
  }

  async function beat(): Promise<void> {
    const current = client
    if (!current || asking) return
    asking = true
    beats += 1
    const name = `${BEAT}${beats}`
    asked.set(name, realElapsed())
    const late = () => {
      if (client !== current || !asked.has(name)) return
      pause = current.heard ? FIRST_PAUSE : DEAF_PAUSE
      lose(current)
      if (current.heard) distrust(new Error(`nothing came back within ${ANSWER_MS} ms`))
    }
    setTimeout(() => setImmediate(late), ANSWER_MS).unref() // a process that stood still reads first what has arrived
    try {
      const { rows } = await current.beater.query<{ read_only: string }>(
        "select current_setting('transaction_read_only') as read_only, pg_notify($1, $2)",
        [CHANNEL, `${node} ${name}`],
      )
      if (rows[0]?.read_only === 'on') throw Object.assign(new Error('the server is read-only'), { code: '25006' })
    } catch (error) {
      lose(current)
      if (isReadOnly(error) || isUnanswered(error)) distrust(error) // also a standby, which takes no notifications
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
    if (at !== undefined) prove(at)
  }

  function prove(at: number): void {
    if (client && !client.heard) {
      client.heard = true
      pause = FIRST_PAUSE
      hear('anything') // nobody told us what happened before
      tell(true)
    }
    proof.given(at)
  }

  function lose(lost: Pair): void {
    closePair(lost)
    if (client !== lost) return
    client = undefined
    asked.clear()
    proof.lost()
    if (lost.heard) hear('anything')
    again()
  }

  function again(): void {
    if (stopped) return
    tell(false)
    reconnecting = setTimeout(() => void open(), pause).unref()
    pause = Math.min(pause * 2, LONGEST_PAUSE)
  }

  async function open(): Promise<void> {
    const opening = createPair(urls)
    const { listener, beater } = opening
    for (const half of [listener, beater]) half.on('error', () => lose(opening)).on('end', () => lose(opening))
    listener.on('notification', ({ payload }) => receive(payload ?? ''))
    const listens = await openPair(opening, CHANNEL).catch(() => undefined)
    if (!listens) {
      if (listens === false) pause = DEAF_PAUSE
      lose(opening)
      again()
      return
    }
    if (stopped) {
      lose(opening)
      return
    }
    client = opening
    await beat()
  }

  return {
    fresh: proof.fresh,
    connected: () => client?.heard === true,
    async start() {
      proof.start()
      await open()
      await known.promise
    },
    doubt() {
      if (client) lose(client)
    },
    async stop() {
      stopped = true
      known.resolve()
      clearTimeout(reconnecting)
      proof.stop()
      const last = client
      client = undefined
      if (last) lose(last)
    },
  }
}
