import type { Knex } from 'knex'
import { realElapsed } from '../server/base/clock.ts'
import { isReadOnly, isUnanswered } from './away.ts'
import { type Beats, createBeats, isBeat } from './beats.ts'
import type { Change, Follower, FollowerNews } from './changes.ts'
import { type KeptPair, keepPair } from './kept-pair.ts'
import { ANSWER_MS, type Pair, type PostgresUrls } from './listening-pair.ts'
import { createProof } from './proof.ts'

const CHANNEL = 'latchkey'

/** Adds changes to the transaction's notifications: they are sent with its commit, in commit order. */
export async function notify(tx: Knex.Transaction, node: string, changes: readonly Change[]): Promise<void> {
  await tx.raw('select pg_notify(?, change) from unnest(?::text[]) as change', [
    CHANNEL,
    changes.map(change => `${node} ${change}`),
  ])
}

/**
 * Listens on a separate connection. Its proofs are notifications that it sends to itself over another connection, on the same
 * path as writes: PostgreSQL delivers notifications in commit order, so a received one proves that everything committed before
 * it has arrived. It counts as connected only while they come back; through a pooler in transaction mode LISTEN succeeds, but
 * nothing arrives. `distrust` is called if the server is read-only or does not respond: another one may have its address.
 */
export function followPostgres(
  urls: PostgresUrls,
  node: string,
  { hear, connected }: FollowerNews,
  distrust: (reason: Error) => void,
): Follower {
  const beats = createBeats()
  const known = Promise.withResolvers<void>()
  const proof = createProof(() => void beater.beat())
  const kept = keepPair(urls, CHANNEL, { received, opened: () => beater.beat(), lost, away: () => tell(false) })
  const beater = createBeater(node, { kept, beats, distrust })

  function received(payload: string): void {
    const space = payload.indexOf(' ')
    const [sender, said] = [payload.slice(0, space), payload.slice(space + 1)]
    if (isBeat(said)) {
      const sentAt = sender === node ? beats.cameBack(said) : undefined
      if (sentAt !== undefined) prove(sentAt)
    } else if (sender !== node) hear(said as Change) // our own changes were applied at the commit
  }

  function prove(sentAt: number): void {
    if (kept.markHeard()) {
      hear('anything') // changes before this are unknown
      tell(true)
    }
    proof.given(sentAt)
  }

  function lost(pair: Pair): void {
    beats.forget()
    proof.lost()
    if (pair.heard) hear('anything')
  }

  function tell(now: boolean): void {
    connected(now)
    known.resolve()
  }

  return {
    fresh: proof.fresh,
    connected: () => kept.current()?.heard === true,
    async start() {
      proof.start()
      await kept.start()
      await known.promise
    },
    doubt() {
      const pair = kept.current()
      if (pair) kept.lose(pair)
    },
    async stop() {
      kept.stop()
      known.resolve()
      beats.forget()
      proof.stop()
    },
  }
}

type BeaterParts = { kept: KeptPair; beats: Beats; distrust: (reason: Error) => void }

/** Sends one beat at a time over the open pair, and gives the pair up if the beat does not come back. */
function createBeater(node: string, { kept, beats, distrust }: BeaterParts) {
  let asking = false

  async function beat(): Promise<void> {
    const pair = kept.current()
    if (!pair || asking) return
    asking = true
    const name = beats.send(realElapsed())
    setTimeout(() => setImmediate(expire, pair, name), ANSWER_MS).unref() // a process that was suspended first reads what has arrived
    try {
      await sendBeat(pair, `${node} ${name}`)
    } catch (error) {
      kept.lose(pair)
      if (isReadOnly(error) || isUnanswered(error)) distrust(error) // a read-only server may be a standby, which takes no notifications
    } finally {
      asking = false
    }
  }

  function expire(pair: Pair, name: string): void {
    if (kept.current() !== pair || !beats.isOnItsWay(name)) return
    kept.giveUp(pair)
    if (pair.heard) distrust(new Error(`nothing came back within ${ANSWER_MS} ms`))
  }

  return { beat }
}

/** Sends a notification on the same path as writes. Throws if the server is read-only. */
async function sendBeat({ beater }: Pair, payload: string): Promise<void> {
  const { rows } = await beater.query<{ read_only: string }>(
    "select current_setting('transaction_read_only') as read_only, pg_notify($1, $2)",
    [CHANNEL, payload],
  )
  if (rows[0]?.read_only === 'on') throw Object.assign(new Error('the server is read-only'), { code: '25006' })
}
