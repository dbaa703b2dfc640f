import { findApps } from '../../apps-registry/find-app.ts'
import { announce, CANCELLED, type Change } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { SECOND } from '../base/clock.ts'
import { createNap } from '../base/nap.ts'
import type { Outbound } from '../base/outbound.ts'
import type { Pulse, Pulses } from '../base/pulses.ts'
import { opaqueToken } from '../base/random.ts'
import { attemptDelivery } from './attempt-delivery.ts'
import { type BookkeeperCaps, createBookkeeper } from './bookkeeper.ts'
import { type ClaimedDelivery, claimDue, LEASE, nextDueAt } from './claim-store.ts'
import { giveBack, renewLeases } from './delivery-store.ts'
import { createClockFollower } from './follow-clock.ts'
import { type Claimed, LONGEST_WAIT } from './lane.ts'
import { createLanes } from './lanes.ts'
import { GONE } from './settle-attempts.ts'

/** Whoever queues a delivery, in any process, wakes the worker; only while that way is cut must it look by itself. */
const LONGEST_SLEEP = 60 * SECOND
const LONGEST_SLEEP_ALONE = 2 * SECOND
const PAUSE_AFTER_FAULT = SECOND
/** Without a claim that succeeds for so long it counts as standing still. */
const LONGEST_SILENCE = 30 * SECOND
/** What is answered within it is followed up together: a claim costs nearly the same for one delivery as for many. */
const GATHER_MS = 4

export type Worker = {
  /** Works until `stop`. */
  start(): void
  /** There may be something to do now. */
  wake(): void
  /** What this process or another has committed: deliveries may be due, or may not go out any more. */
  hear(change: Change): void
  /** Attempts everything that is due until nothing is, and returns how many attempts were made. */
  runDue(): Promise<number>
  /** Claims nothing more and waits for what is under way. */
  stop(): Promise<void>
}

export type WorkerCaps = Caps & BookkeeperCaps & { outbound: Outbound; pulses: Pulses }

/** Delivers what is due: leases rows, attempts them beside each other, sleeps until the next one is due or it is woken. */
export function createWorker(caps: WorkerCaps): Worker {
  const { database, clock, random, log } = caps
  const underWay = new Map<ClaimedDelivery, Promise<void>>()
  const lanes = createLanes()
  const follower = createClockFollower(caps)
  const nap = createNap()
  const bookkeeper = createBookkeeper(caps, gather)
  let running: Promise<void> | undefined
  let pulse: Pulse | undefined
  let stopped = false
  let woken = false
  let watching: NodeJS.Timeout | undefined
  let turning: NodeJS.Timeout | undefined
  let news = Promise.withResolvers<void>()
  let gathering = false
  /** To be given back, as soon as the database can be reached. */
  let owed: ClaimedDelivery[] = []

  /** How many may be claimed; what is answered and not yet written down counts, so that a slow database gets no more. */
  const room = () => lanes.room() - (underWay.size - lanes.posting())

  /** Gives back what waited too long, leases what is due, begins what has a slot; returns how many more it has now. */
  async function claim(): Promise<number> {
    if ((await follower.follow()) !== 0) await renewOwn()
    owed = [...owed, ...lanes.takeStale(clock.monotonic()).map(({ delivery }) => delivery)]
    const [stale, most, since] = [owed, room(), clock.monotonic()]
    if (most <= 0 && stale.length === 0) return 0
    const claimed = await database.relaxed(async tx => {
      await giveBack(tx, stale)
      return await lease(tx, most)
    })
    owed = owed.filter(delivery => !stale.includes(delivery))
    for (const each of claimed) lanes.add({ ...each, at: clock.monotonic(), until: since + LEASE }, since)
    begin()
    return claimed.length - stale.length
  }

  /** The clock was set: leases of what is here end as long after now as ever. */
  async function renewOwn(): Promise<void> {
    const own = [...underWay.keys(), ...lanes.waiting(), ...owed]
    await database.relaxed(tx => renewLeases(tx, own, clock.now() + LEASE))
  }

  async function lease(tx: Tx, most: number): Promise<Pick<Claimed, 'delivery' | 'app'>[]> {
    if (most <= 0) return []
    const at = clock.now()
    const deliveries = await claimDue(tx, database.kind, {
      ...{ lease: opaqueToken(random).slice(0, 40), at, until: at + LEASE, most },
      ...{ roomFor: lanes.roomFor, full: lanes.full() },
    })
    if (deliveries.length === 0) return []
    const apps = await findApps(tx, [...new Set(deliveries.map(({ app_id }) => app_id))])
    return deliveries.map(delivery => ({ delivery, app: apps.get(delivery.app_id) }))
  }

  /** Begins whatever has a slot. */
  function begin(): void {
    if (stopped) return
    const next = () => lanes.next(clock.monotonic())
    for (let claimed = next(); claimed; claimed = next()) attempt(claimed)
    const ms = lanes.slowIn(clock.monotonic())
    if (ms !== undefined) turning ??= setTimeout(turnSlow, Math.max(ms, 1)).unref()
  }

  /** What takes long leaves its slots to others. */
  function turnSlow(): void {
    turning = undefined
    const turned = lanes.turnSlow(clock.monotonic())
    begin()
    if (turned > 0 && !stopped) wakeSoon()
  }

  function attempt(claimed: Claimed): void {
    const { delivery, app, until } = claimed
    const { app_id: appId } = delivery
    const leave = (ms: number) => lanes.leave(claimed, ms, clock.monotonic())
    const followUp = () => {
      if (lanes.roomFor(appId) > 0 || lanes.roomFor(appId, true) > 0 || underWay.size === 0) wakeSoon()
    }
    const done = attemptDelivery(caps, delivery, app)
      .catch(error => {
        leave(0)
        throw error
      })
      .then(async answered => {
        leave(answered.ms)
        const gone = answered.status === GONE
        if (gone) lanes.close(appId)
        begin()
        followUp()
        const attempted = { ...answered, body: await answered.body }
        await bookkeeper.write(attempted, until).finally(() => gone && lanes.reopen(appId, clock.monotonic()))
      })
      .catch(error =>
        log.error({ err: error, delivery: delivery.id }, 'an attempt could not be recorded; its lease will end'),
      )
      .finally(() => {
        underWay.delete(delivery)
        followUp()
      })
    underWay.set(delivery, done)
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
    await new Promise<void>(resolve => (lanes.posting() > 0 ? setTimeout(resolve, GATHER_MS) : setImmediate(resolve)))
  }

  async function sleep(): Promise<void> {
    if (woken) {
      woken = false
      return
    }
    const due = await database.read(tx => nextDueAt(tx, lanes.full(), clock.now()))
    const connected = database.changes.connected() ? LONGEST_SLEEP : LONGEST_SLEEP_ALONE
    const longest = lanes.waiting().length > 0 ? LONGEST_WAIT : connected
    const ms = Math.min(longest, Math.max(0, (due ?? Number.POSITIVE_INFINITY) - clock.now()))
    const rest = room() <= 0 ? longest : Math.max(ms, 1)
    pulse?.expect(rest)
    await pause(rest)
  }

  async function pause(ms: number): Promise<void> {
    if (!woken) await nap.rest(ms)
  }

  /** What has no slot yet is anybody's again. */
  async function letGo(): Promise<void> {
    const left = [...owed, ...lanes.takeStale(clock.monotonic(), true).map(({ delivery }) => delivery)]
    if (left.length > 0) await atTheEnd(tx => giveBack(tx, left))
  }

  async function atTheEnd(work: (tx: Tx) => Promise<void>): Promise<void> {
    await database
      .transaction(work)
      .catch(error =>
        log.error({ err: error }, 'a stopping worker could not release its deliveries; their leases will end'),
      )
  }

  async function loop(): Promise<void> {
    while (!stopped) {
      try {
        woken = false
        pulse?.begin()
        const more = await claim()
        pulse?.expect(0)
        if (more <= 0) await sleep()
      } catch (error) {
        log.error({ err: error }, 'the worker could not reach the database; retrying')
        await pause(PAUSE_AFTER_FAULT)
      }
    }
  }

  async function run(): Promise<void> {
    pulse = caps.pulses.start('deliveries', LONGEST_SILENCE)
    await loop().finally(() => pulse?.end(stopped))
  }

  const worker: Worker = {
    start: () => {
      running ??= run()
      watching ??= setInterval(() => follower.isBehind() && worker.wake(), SECOND).unref()
    },
    wake: () => {
      woken = true
      nap.ring()
    },
    hear: change => {
      if (change === 'anything') lanes.doubt()
      else if (change.startsWith(CANCELLED)) lanes.doubt(change.slice(CANCELLED.length))
      else if (change !== 'deliveries') return
      worker.wake()
    },
    async runDue() {
      let attempts = 0
      for (;;) {
        const [{ promise: more }, alone] = [news, underWay.size === 0] // what is written down during a claim may free more
        const claimed = await claim()
        if (claimed === 0 && alone && underWay.size === 0) return attempts
        attempts += claimed
        if (underWay.size > 0) await more
      }
    },
    async stop() {
      stopped = true
      clearInterval(watching)
      clearTimeout(turning)
      bookkeeper.stop()
      worker.wake()
      await running
      await letGo()
      if (underWay.size === 0) return
      await Promise.all(underWay.values())
      await atTheEnd(async tx => announce(tx, 'deliveries')) // what waited for these is another's to send
    },
  }
  return worker
}
