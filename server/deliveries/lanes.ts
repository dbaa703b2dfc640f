import type { ClaimedDelivery, FullLane } from './claim-store.ts'
import {
  type Claimed,
  createLane,
  isIdle,
  isStale,
  type Lane,
  MOST,
  mayBegin,
  PACES,
  paceOf,
  roomIn,
  takeStaleOf,
} from './lane.ts'
import { createSlots, type Slots } from './slots.ts'

/** Number of leased deliveries, in progress or waiting for a slot. */
const MOST_HELD = 3 * MOST

/**
 * The slots of each app and its claimed deliveries. A slow app never takes the slots of others, and hanging posts never take
 * the slots of quick ones of the same app: each pace has its own slots. All times are monotonic.
 */
export type Lanes = Pick<Slots, 'leave' | 'turnSlow' | 'slowIn'> & {
  /** How many more deliveries may be claimed, in all. */
  room(): number
  /** How many more may be claimed for an app. */
  roomFor(appId: string, slow?: boolean): number
  full(): FullLane[]
  /** `since` is when the claim began. */
  add(claimed: Claimed, since: number): void
  /** The next delivery that may take a slot; it takes the slot. */
  next(at: number): Claimed | undefined
  /** The app responded 410: nothing is sent until that is recorded, and waiting deliveries are stale. */
  close(appId: string): void
  reopen(appId: string, at: number): void
  /** Deliveries of an installation were cancelled: its waiting deliveries become stale; without an installation, all do. */
  doubt(installationId?: string): void
  posting(): number
  waiting(): ClaimedDelivery[]
  /** Removes and returns deliveries that have waited too long, or all; the caller releases them. */
  takeStale(at: number, everything?: boolean): Claimed[]
}

export function createLanes(): Lanes {
  const lanes = new Map<string, Lane>()
  const laneOf = (appId: string): Lane => lanes.get(appId) ?? createLane()
  const slots = createSlots(laneOf)
  const { load } = slots
  let waiting = 0
  let now = 0

  /** Removes and returns the first delivery that may begin. */
  function firstOf(lane: Lane, at: number): Claimed | undefined {
    const pace = PACES.find(each => {
      const [first] = lane.waiting[each]
      return first && !isStale(first, at) && mayBegin(lane, load, each, at)
    })
    return pace && lane.waiting[pace].shift()
  }

  return {
    leave: slots.leave,
    turnSlow: slots.turnSlow,
    slowIn: slots.slowIn,
    posting: slots.taken,
    room: () => Math.max(0, MOST_HELD - slots.taken() - waiting),
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
        lanes.set(appId, lane) // the next delivery comes from another app
        lane.begunAt = at
        waiting -= 1
        slots.enter(first, lane, at)
        return first
      }
      return undefined
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
    waiting: () => [...lanes.values()].flatMap(waitingOf).map(({ delivery }) => delivery),
    takeStale(at, everything = false) {
      now = at
      const stale: Claimed[] = []
      for (const [appId, lane] of lanes) {
        stale.push(...takeStaleOf(lane, at, everything))
        if (isIdle(lane, at)) lanes.delete(appId)
      }
      waiting -= stale.length
      return stale
    },
  }
}

const waitingOf = (lane: Lane): Claimed[] => PACES.flatMap(pace => lane.waiting[pace])
