import { type App, findApps } from '../../apps-registry/find-app.ts'
import type { Database } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { SECOND } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Outbound } from '../base/outbound.ts'
import { opaqueToken } from '../base/random.ts'
import { attemptDelivery } from './attempt-delivery.ts'
import { createBookkeeper } from './bookkeeper.ts'
import { type ClaimedDelivery, claimDue, nextDueAt } from './claim-store.ts'
import type { SettleCaps } from './settle-attempts.ts'

/**
 * How many posts are under way at once, in all and for one app. When half of the places are taken, an app's share is
 * small: however many hang, there is room for those that answer.
 */
const MOST = 512
export const MOST_PER_APP = 32
const MOST_PER_APP_IN_A_CROWD = 8
/** Longer than an attempt can take, so that only a dead worker's lease ever ends by itself. */
const LEASE = 25 * SECOND
/** Whoever queues a delivery, in any process, wakes the worker; only while that way is cut must it look by itself. */
const LONGEST_SLEEP = 60 * SECOND
const LONGEST_SLEEP_ALONE = 2 * SECOND
const PAUSE_AFTER_FAULT = SECOND
/** What is answered within it is followed up together: a claim costs nearly the same for one delivery as for many. */
const GATHER_MS = 4

export type Worker = {
  /** Works until `stop`. */
  start(): void
  /** There may be something to do now. */
  wake(): void
  /** Attempts everything that is due until nothing is, and answers how many attempts were made. */
  runDue(): Promise<number>
  /** Claims nothing more and waits for what is under way. */
  stop(): Promise<void>
}

export type WorkerCaps = Caps & SettleCaps & { database: Database; outbound: Outbound; log: Log }

/** A delivery that is this worker's for a while, and the app as it was then. */
type Claimed = { delivery: ClaimedDelivery; app: App | undefined }

/** `posting` until the answer is there; then it leaves its app's share to the next, and has only to be written down. */
type UnderWay = { appId: string; posting: boolean; done: Promise<void> }

/** Delivers what is due: leases rows, attempts them beside each other, sleeps until the next one is due or it is woken. */
export function createWorker(caps: WorkerCaps): Worker {
  const { database, clock, random, log } = caps
  const underWay = new Map<string, UnderWay>()
  const bookkeeper = createBookkeeper(caps, gather)
  let running: Promise<void> | undefined
  let stopped = false
  let woken = false
  let ring: (() => void) | undefined
  let news = Promise.withResolvers<void>()
  let gathering = false

  function countByApp(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { appId, posting } of underWay.values()) if (posting) counts.set(appId, (counts.get(appId) ?? 0) + 1)
    return counts
  }

  function share(counts: ReadonlyMap<string, number>): number {
    const posting = [...counts.values()].reduce((sum, count) => sum + count, 0)
    return posting < MOST / 2 ? MOST_PER_APP : MOST_PER_APP_IN_A_CROWD
  }

  /** Apps that have their share under way: a slow one never takes the places of the others. */
  function busyApps(counts: ReadonlyMap<string, number>): string[] {
    const most = share(counts)
    return [...counts].filter(([, count]) => count >= most).map(([appId]) => appId)
  }

  async function claim(): Promise<Claimed[]> {
    if (underWay.size >= MOST) return []
    const lease = opaqueToken(random).slice(0, 40)
    return await database.relaxed(async tx => {
      const [at, counts] = [clock.now(), countByApp()]
      const deliveries = await claimDue(tx, database.kind, {
        lease,
        at,
        until: at + LEASE,
        most: MOST - underWay.size,
        mostPerApp: share(counts),
        busyApps: busyApps(counts),
        underWay: counts,
      })
      if (deliveries.length === 0) return []
      const apps = await findApps(tx, [...new Set(deliveries.map(({ app_id }) => app_id))])
      return deliveries.map(delivery => ({ delivery, app: apps.get(delivery.app_id) }))
    })
  }

  function begin({ delivery, app }: Claimed): void {
    const entry: UnderWay = { appId: delivery.app_id, posting: true, done: Promise.resolve() }
    entry.done = attemptDelivery(caps, delivery, app)
      .then(attempt => {
        entry.posting = false
        wakeSoon()
        return bookkeeper.write(attempt)
      })
      .catch(error =>
        log.error({ err: error, delivery: delivery.id }, 'an attempt could not be written down; its lease will end'),
      )
      .finally(() => {
        underWay.delete(delivery.id)
        wakeSoon()
      })
    underWay.set(delivery.id, entry)
  }

  /** Once for all that were answered, or written down, at nearly the same time. */
  function wakeSoon(): void {
    if (gathering) return
    gathering = true
    void gather().then(() => {
      gathering = false
      news.resolve()
      news = Promise.withResolvers()
      worker.wake()
    })
  }

  /** While other posts are under way, more answers will be here in a moment; a lone one is followed up at once. */
  async function gather(): Promise<void> {
    const more = [...underWay.values()].some(({ posting }) => posting)
    await new Promise<void>(resolve => (more ? setTimeout(resolve, GATHER_MS) : setImmediate(resolve)))
  }

  async function sleep(): Promise<void> {
    if (woken) {
      woken = false
      return
    }
    const due = await database.read(tx => nextDueAt(tx, busyApps(countByApp())))
    const longest = database.changes.connected() ? LONGEST_SLEEP : LONGEST_SLEEP_ALONE
    const ms = Math.min(longest, Math.max(0, (due ?? Number.POSITIVE_INFINITY) - clock.now()))
    await pause(underWay.size >= MOST ? longest : Math.max(ms, 1))
  }

  function pause(ms: number): Promise<void> {
    if (woken) return Promise.resolve()
    return new Promise(resolve => {
      const timer = setTimeout(() => ring?.(), ms)
      ring = () => {
        clearTimeout(timer)
        ring = undefined
        resolve()
      }
    })
  }

  async function loop(): Promise<void> {
    while (!stopped) {
      try {
        woken = false
        const claimed = await claim()
        claimed.forEach(begin)
        if (claimed.length === 0) await sleep()
      } catch (error) {
        log.error({ err: error }, 'the worker could not reach the database; it goes on')
        await pause(PAUSE_AFTER_FAULT)
      }
    }
  }

  const worker: Worker = {
    start: () => {
      running ??= loop()
    },
    wake: () => {
      woken = true
      ring?.()
    },
    async runDue() {
      let attempts = 0
      for (;;) {
        const [{ promise: more }, alone] = [news, underWay.size === 0] // what is written down during a claim may free more
        const claimed = await claim()
        if (claimed.length === 0 && alone) return attempts
        attempts += claimed.length
        claimed.forEach(begin)
        await more
      }
    },
    async stop() {
      stopped = true
      bookkeeper.stop()
      worker.wake()
      await running
      await Promise.all([...underWay.values()].map(({ done }) => done))
    },
  }
  return worker
}
