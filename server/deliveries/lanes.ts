import type { App } from '../../apps-registry/find-app.ts'
import { SECOND } from '../base/clock.ts'
import type { ClaimedDelivery } from './claim-store.ts'

/** A delivery that is this worker's for a while, the app as it was then, and since when it waits for a place. */
export type Claimed = { delivery: ClaimedDelivery; app: App | undefined; at: number }

/**
 * How many posts are under way at once, in all and for one app. When half of the places are taken, an app's share is
 * small: however many hang, there is room for those that answer.
 */
const MOST = 512
export const MOST_PER_APP = 32
const MOST_PER_APP_IN_A_CROWD = 8
/** What is claimed ahead, so that one claim pays for many: what the app will have answered within this time, at its pace. */
const AHEAD_MS = 200
const MOST_AHEAD = 480
/** How many are held in all, under way or waiting for a place. */
const MOST_HELD = 1_024
/** The newest answer counts this much in an app's pace. */
const NEWEST = 0.2
/** What has waited for a place so long is given back: the app does not keep its pace, or has changed since. */
export const LONGEST_WAIT = SECOND
/** What is left of a lease when an attempt begins: longer than the attempt can take. */
const LEAST_LEASE = 17 * SECOND

/** What one app has at this worker. */
type Lane = {
  /** Claimed and not yet begun, in order. */
  waiting: Claimed[]
  posting: number
  /** How long an answer takes, about; unknown until there was one. */
  answerMs: number | undefined
  /** When something was last begun. */
  begunAt: number
  /** When it turned everything away; without end until that is written down. What was claimed before is stale. */
  turnedAwayAt: number
}

/** Who of the apps may post how much, and what was claimed for each. A slow app never takes the places of the others. */
export type Lanes = {
  /** How many more deliveries may be claimed, in all. */
  room(): number
  /** How many more may be claimed for an app; nothing while half of what was claimed ahead still waits. */
  roomFor(appId: string): number
  /** Apps for which nothing may be claimed. */
  full(): string[]
  /** `since` is when the claim began. */
  add(claimed: Claimed, since: number): void
  /** The next that has a place now, which it takes. */
  next(at: number): Claimed | undefined
  /** A post was answered, or given up, and leaves its place. */
  leave(appId: string, answerMs: number): void
  /** The app has said that it wants no more: nothing goes out until that is written down, and what waits is stale. */
  close(appId: string): void
  reopen(appId: string, at: number): void
  /** Something of an installation was cancelled: what waits of it is looked at anew. Without one, all that waits. */
  doubt(installationId?: string): void
  posting(): number
  waiting(): number
  /** Takes out what has waited too long, or everything: it has to be given back. */
  takeStale(at: number, everything?: boolean): Claimed[]
}

export function createLanes(): Lanes {
  const lanes = new Map<string, Lane>()
  let posting = 0
  let waiting = 0

  const laneOf = (appId: string): Lane =>
    lanes.get(appId) ?? {
      waiting: [],
      posting: 0,
      answerMs: undefined,
      begunAt: 0,
      turnedAwayAt: Number.NEGATIVE_INFINITY,
    }
  const share = () => (posting < MOST / 2 ? MOST_PER_APP : MOST_PER_APP_IN_A_CROWD)
  const ahead = ({ answerMs }: Lane) =>
    answerMs === undefined ? 0 : Math.min(MOST_AHEAD, Math.floor((share() * AHEAD_MS) / Math.max(answerMs, 1)))

  function roomIn(lane: Lane): number {
    const most = ahead(lane)
    const refill = !isClosed(lane) && lane.waiting.length <= most / 2
    return refill ? Math.max(0, share() + most - lane.posting - lane.waiting.length) : 0
  }

  const lanesInUse = {
    room: () => Math.max(0, MOST_HELD - posting - waiting),
    roomFor: (appId: string) => roomIn(laneOf(appId)),
    full: () => [...lanes].filter(([, lane]) => roomIn(lane) === 0).map(([appId]) => appId),
    add(claimed: Claimed, since: number) {
      const appId = claimed.delivery.app_id
      const lane = laneOf(appId)
      lanes.set(appId, lane)
      if (since <= lane.turnedAwayAt) claimed.at = Number.NEGATIVE_INFINITY
      lane.waiting.push(claimed)
      waiting += 1
    },
    next(at: number) {
      if (waiting === 0 || posting >= MOST) return undefined
      for (const [appId, lane] of lanes) {
        const [first] = lane.waiting
        if (!first || lane.posting >= share() || isStale(first, at)) continue
        lane.waiting.shift()
        lanes.delete(appId)
        lanes.set(appId, lane) // the next one is another app's
        lane.posting += 1
        lane.begunAt = at
        waiting -= 1
        posting += 1
        return first
      }
      return undefined
    },
    leave(appId: string, answerMs: number) {
      const lane = laneOf(appId)
      lane.posting -= 1
      posting -= 1
      lane.answerMs = lane.answerMs === undefined ? answerMs : lane.answerMs + NEWEST * (answerMs - lane.answerMs)
    },
    close(appId: string) {
      const lane = laneOf(appId)
      lanes.set(appId, lane)
      lane.turnedAwayAt = Number.POSITIVE_INFINITY
      for (const claimed of lane.waiting) claimed.at = Number.NEGATIVE_INFINITY
    },
    reopen(appId: string, at: number) {
      laneOf(appId).turnedAwayAt = at
    },
    doubt(installationId?: string) {
      for (const lane of lanes.values())
        for (const claimed of lane.waiting)
          if (installationId === undefined || claimed.delivery.installation_id === installationId)
            claimed.at = Number.NEGATIVE_INFINITY
    },
    posting: () => posting,
    waiting: () => waiting,
    takeStale(at: number, everything = false) {
      const stale: Claimed[] = []
      for (const [appId, lane] of lanes) {
        const [keep, give] = [[] as Claimed[], [] as Claimed[]]
        for (const claimed of lane.waiting) (everything || isStale(claimed, at) ? give : keep).push(claimed)
        lane.waiting = keep
        if (give.length > 0) lane.answerMs = undefined // it has to show its pace anew
        waiting -= give.length
        stale.push(...give)
        if (lane.posting === 0 && !isClosed(lane) && keep.length === 0 && at - lane.begunAt > LONGEST_WAIT)
          lanes.delete(appId)
      }
      return stale
    },
  }

  return lanesInUse
}

const isClosed = ({ turnedAwayAt }: Lane) => turnedAwayAt === Number.POSITIVE_INFINITY

const isStale = ({ at, delivery }: Claimed, now: number) =>
  now - at > LONGEST_WAIT || (delivery.lease_until ?? 0) - now < LEAST_LEASE
