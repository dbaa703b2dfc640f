import { announce, type Change, partsOf } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { SECOND } from '../base/clock.ts'
import type { Pulses } from '../base/pulses.ts'
import { createSleeper } from '../base/sleeper.ts'
import { nextDueAt } from './claim-store.ts'
import { createClaimer } from './claimer.ts'
import { giveBack } from './delivery-store.ts'
import { LONGEST_WAIT } from './lane.ts'
import { createLanes } from './lanes.ts'
import { createPoster, type PosterCaps } from './poster.ts'

/*
 * A delivery passes through a worker in these states. Each is named so in the code.
 *
 *         claim             begin              answered               written down
 *    due ───────▶ waiting ───────▶ posting ───────────────▶ recording ────────────▶ delivered, failed, or due later
 *     ▲              │                │                         │
 *     │   stale: ────┘                └─ the process dies, ─────┤
 *     │   given back                     its lease ends         └─ not written down before the lease ends
 *     └─────────────────────────────────────────────────────────────────────────────── attempted once more
 *
 *    due         a row without a lease, whose time has come            claim-store.ts
 *    waiting     leased by this worker, without a slot                 claimer.ts leases and releases, lanes.ts keeps
 *    posting     in a slot of its app, quick or slow                   poster.ts; who gets a slot: lanes.ts, slots.ts
 *    recording   answered, or given up                                 bookkeeper.ts, settle-attempts.ts
 *
 * The loop of this file claims and sleeps in turns (its own states: base/sleeper.ts). It does not wait for posts: when
 * they end, the poster wakes it.
 */

/** A queued delivery wakes the worker, in any process; it polls only while notifications do not arrive. */
const LONGEST_SLEEP = 60 * SECOND
const LONGEST_SLEEP_ALONE = 2 * SECOND
const DELAY_AFTER_FAULT = SECOND
/** Counts as stuck after this long without a successful claim. */
const LONGEST_SILENCE = 30 * SECOND

export type Worker = {
  /** Works until `stop`. */
  start(): void
  /** There may be something to do now. */
  wake(): void
  /** A commit of this or another process: deliveries may be due or cancelled. */
  hear(change: Change): void
  /** Attempts everything that is due until nothing is; returns the number of attempts. */
  runDue(): Promise<number>
  /** Claims nothing more and waits for posts in progress. */
  stop(): Promise<void>
}

export type WorkerCaps = Caps & PosterCaps & { pulses: Pulses }

/** Delivers due deliveries: claims them, posts them concurrently, and sleeps until more are due or it is woken. */
export function createWorker(caps: WorkerCaps): Worker {
  const { database, clock, log, pulses } = caps
  const lanes = createLanes()
  const sleeper = createSleeper({ name: 'deliveries', patience: LONGEST_SILENCE, pulses })
  const poster = createPoster(caps, lanes, freed)
  const claimer = createClaimer(caps, lanes, poster)
  let watching: NodeJS.Timeout | undefined
  let news = Promise.withResolvers<void>()

  function freed(): void {
    news.resolve()
    news = Promise.withResolvers()
    sleeper.wake()
  }

  async function claim(): Promise<number> {
    const more = await claimer.claim()
    poster.begin()
    return more
  }

  async function round(): Promise<void> {
    try {
      const more = await claim()
      sleeper.progress()
      if (more <= 0 && !sleeper.isWoken()) await sleeper.sleep(await untilNext())
    } catch (error) {
      log.error({ err: error }, 'the worker could not reach the database; retrying')
      await sleeper.delay(DELAY_AFTER_FAULT)
    }
  }

  /** Milliseconds until the next claim may find something. */
  async function untilNext(): Promise<number> {
    const due = await database.read(tx => nextDueAt(tx, lanes.full(), clock.now()))
    const connected = database.changes.connected() ? LONGEST_SLEEP : LONGEST_SLEEP_ALONE
    const longest = lanes.waiting().length > 0 ? LONGEST_WAIT : connected
    if (claimer.room() <= 0) return longest
    return Math.max(1, Math.min(longest, (due ?? Number.POSITIVE_INFINITY) - clock.now()))
  }

  return {
    start: () => {
      sleeper.start(round)
      watching ??= setInterval(() => claimer.isBehind() && sleeper.wake(), SECOND).unref()
    },
    wake: sleeper.wake,
    hear: change => {
      if (change === 'anything') lanes.doubt()
      else if (partsOf(change).kind === 'cancelled') lanes.doubt(partsOf(change).id)
      else if (change !== 'deliveries') return
      sleeper.wake()
    },
    async runDue() {
      let attempts = 0
      for (;;) {
        const [{ promise: more }, alone] = [news, poster.underWay().length === 0] // a result recorded during a claim may free slots
        const claimed = await claim()
        const busy = poster.underWay().length > 0
        if (claimed === 0 && alone && !busy) return attempts
        attempts += claimed
        if (busy) await more
      }
    },
    async stop() {
      clearInterval(watching)
      poster.stop()
      await sleeper.stop()
      const left = claimer.takeAll()
      if (left.length > 0) await atTheEnd(caps, tx => giveBack(tx, left))
      if (poster.underWay().length === 0) return
      await poster.finish()
      await atTheEnd(caps, async tx => announce(tx, 'deliveries')) // other workers send what waited for these
    },
  }
}

async function atTheEnd(
  { database, log }: Pick<WorkerCaps, 'database' | 'log'>,
  work: (tx: Tx) => Promise<void>,
): Promise<void> {
  await database
    .transaction(work)
    .catch(error =>
      log.error({ err: error }, 'a stopping worker could not release its deliveries; their leases will end'),
    )
}
