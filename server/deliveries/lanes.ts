import type { ClaimedDelivery, FullLane } from './claim-store.ts'
import {
  type Claimed,
  createLane,
  isIdle,
  isStale,
  type Lane,
  type Load,
  MOST,
  mayBegin,
  mayTurnSlow,
  noteAnswer,
  PACES,
  type Pace,
  paceOf,
  QUICK_MS,
  roomIn,
} from './lane.ts'

/** Number of leased deliveries, in progress or waiting for a slot. */
const MOST_HELD = 3 * MOST

/**
 * Who of the apps may post how much, and what was claimed for each. A slow app never takes the slots of the others, and
 * posts that hang never take the slots of quick ones of the same app: each pace has slots of its own. All times are
 * monotonic.
 */
export type Lanes = {
  /** How many more deliveries may be claimed, in all. */
  room(): number
  /** How many more may be claimed for an app. */
  roomFor(appId: string, slow?: boolean): number
  full(): FullLane[]
  /** `since` is when the claim began. */
  add(claimed: Claimed, since: number): void
  /** The next that has a slot now, which it takes. */
  next(at: number): Claimed | undefined
  /** A post was answered, or given up, and leaves its slot. */
  leave(claimed: Claimed, answerMs: number, at: number): void
  /** Posts that take long leave their slots to quick ones, and take slow slots where there are some; returns how many. */
  turnSlow(at: number): number
  /** In how many milliseconds the next post becomes slow; nothing if none may. */
  slowIn(at: number): number | undefined
  /** The app has said that it wants no more: nothing goes out until that is written down, and what waits is stale. */
  close(appId: string): void
  reopen(appId: string, at: number): void
  /** A delivery of an installation was cancelled: its waiting deliveries are checked again; without an installation, all are. */
  doubt(installationId?: string): void
  posting(): number
  waiting(): ClaimedDelivery[]
  /** Takes out what has waited too long, or everything: it has to be given back. */
  takeStale(at: number, everything?: boolean): Claimed[]
}

export function createLanes(): Lanes {
  const lanes = new Map<string, Lane>()
  const load: Load = { quick: 0, slow: 0 }
  const underWay = new Map<Claimed, Pace>()
  /** Quick so far, the longest under way first. */
  const fresh = new Map<Claimed, number>()
  /** Neither quick any more nor slow: there was no slot. */
  const stuck = new Set<Claimed>()
  let waiting = 0
  let now = 0

  const laneOf = (appId: string): Lane => lanes.get(appId) ?? createLane()
  const waitingOf = (lane: Lane) => PACES.flatMap(pace => lane.waiting[pace])

  function firstOf(lane: Lane, at: number): Claimed | undefined {
    const pace = PACES.find(each => {
      const [first] = lane.waiting[each]
      return first && !isStale(first, at) && mayBegin(lane, load, each, at)
    })
    if (!pace) return undefined
    lane.posting[pace] += 1
    load[pace] += 1
    return lane.waiting[pace].shift()
  }

  function turn(claimed: Claimed, at: number): boolean {
    const lane = laneOf(claimed.delivery.app_id)
    if (!mayTurnSlow(lane, load, at)) return false
    for (const count of [lane.posting, load]) {
      count.quick -= 1
      count.slow += 1
    }
    underWay.set(claimed, 'slow')
    return true
  }

  const lanesInUse: Lanes = {
    room: () => Math.max(0, MOST_HELD - underWay.size - waiting),
    roomFor: (appId, slow = false) => roomIn(laneOf(appId), load, slow ? 'slow' : 'quick', now),
    full: () =>
      [...lanes].flatMap(([appId, lane]) =>
        PACES.filter(pace => roomIn(lane, load, pace, now) === 0).map(pace => ({ appId, slow: pace === 'slow' })),
      ),
    add(claimed, since) {
      const lane = laneOf(claimed.delivery.app_id)
      lanes.set(claimed.delivery.app_id, lane)
      if (since <= lane.turnedAwayAt) claimed.at = Number.NEGATIVE_INFINITY
      lane.waiting[paceOf(claimed)].push(claimed)
      waiting += 1
    },
    next(at) {
      now = at
      if (waiting === 0) return undefined
      for (const [appId, lane] of lanes) {
        const first = firstOf(lane, at)
        if (!first) continue
        lanes.delete(appId)
        lanes.set(appId, lane) // the next one is another app's
        lane.begunAt = at
        waiting -= 1
        underWay.set(first, paceOf(first))
        if (paceOf(first) === 'quick') fresh.set(first, at)
        return first
      }
      return undefined
    },
    leave(claimed, answerMs, at) {
      const lane = laneOf(claimed.delivery.app_id)
      const pace = underWay.get(claimed)
      if (!pace) return
      underWay.delete(claimed)
      fresh.delete(claimed)
      stuck.delete(claimed)
      lane.posting[pace] -= 1
      load[pace] -= 1
      noteAnswer(lane, pace, answerMs, at)
      if (stuck.size > 0) lanesInUse.turnSlow(at)
    },
    turnSlow(at) {
      for (const [claimed, begunAt] of fresh) {
        if (at - begunAt < QUICK_MS) break
        fresh.delete(claimed)
        stuck.add(claimed)
      }
      const turned = [...stuck].filter(claimed => turn(claimed, at))
      for (const claimed of turned) stuck.delete(claimed)
      return turned.length
    },
    slowIn(at) {
      const [oldest] = fresh.values()
      return oldest === undefined ? undefined : Math.max(0, oldest + QUICK_MS - at)
    },
    close(appId) {
      const lane = laneOf(appId)
      lanes.set(appId, lane)
      lane.turnedAwayAt = Number.POSITIVE_INFINITY
      for (const claimed of waitingOf(lane)) claimed.at = Number.NEGATIVE_INFINITY
    },
    reopen(appId, at) {
      laneOf(appId).turnedAwayAt = at
    },
    doubt(installationId) {
      for (const claimed of [...lanes.values()].flatMap(waitingOf))
        if (installationId === undefined || claimed.delivery.installation_id === installationId)
          claimed.at = Number.NEGATIVE_INFINITY
    },
    posting: () => underWay.size,
    waiting: () => [...lanes.values()].flatMap(waitingOf).map(({ delivery }) => delivery),
    takeStale(at, everything = false) {
      now = at
      const stale: Claimed[] = []
      for (const [appId, lane] of lanes) {
        for (const pace of PACES) {
          const { keep = [], give = [] } = Object.groupBy(lane.waiting[pace], claimed =>
            everything || isStale(claimed, at) ? 'give' : 'keep',
          )
          lane.waiting[pace] = keep
          if (give.length > 0) lane.answerMs = undefined // its pace is measured again
          waiting -= give.length
          stale.push(...give)
        }
        if (isIdle(lane, at)) lanes.delete(appId)
      }
      return stale
    },
  }
  return lanesInUse
}
