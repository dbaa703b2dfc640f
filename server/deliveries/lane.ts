import type { App } from '../../apps-registry/find-app.ts'
import { SECOND } from '../base/clock.ts'
import type { ClaimedDelivery } from './claim-store.ts'

/**
 * A delivery that this worker has leased, and its app at that time. `at`: since when it waits for a slot; `until`: when its
 * lease ends; both by the monotonic clock.
 */
export type Claimed = { delivery: ClaimedDelivery; app: App | undefined; at: number; until: number }

/** A post that takes this long is slow, and so is the next attempt of its delivery. */
export const QUICK_MS = SECOND / 2
export type Pace = 'quick' | 'slow'
export const PACES: readonly Pace[] = ['quick', 'slow']
export const paceOf = ({ delivery }: Claimed): Pace => (delivery.slow ? 'slow' : 'quick')

/**
 * The most concurrent posts of each pace, in all and per app. When half of the slots are taken, an app's share is small:
 * however many posts hang, there is room for those that respond.
 */
export const MOST = 512
export const MOST_PER_APP = 32
const MOST_PER_APP_IN_A_CROWD = 8
/** If an app responds to some posts quickly, single installations hang rather than its address, so more posts may hang. */
const ALIVE = 3
const ALIVE_MS = 15 * SECOND
/** Deliveries are claimed ahead, so that one claim covers many: as many as the app responds to within this time. */
const AHEAD_MS = 200
const MOST_AHEAD = 480
/** Weight of the newest response time in the average. */
const NEWEST = 0.2
/** A delivery that has waited this long for a slot is released: the app has become slower, or its settings may have changed. */
export const LONGEST_WAIT = SECOND
/** The rest of a lease when an attempt begins; longer than the attempt can take. */
const LEAST_LEASE = 17 * SECOND

/** The posts and waiting deliveries of one app in this worker. */
export type Lane = {
  /** Claimed and not begun, in order. */
  waiting: Record<Pace, Claimed[]>
  posting: Record<Pace, number>
  /** Approximate response time in milliseconds; undefined before the first response. */
  answerMs: number | undefined
  /** When the last post began, and when the last quick response arrived. */
  begunAt: number
  answeredAt: number
  /** When the app last responded 410; infinite until that is recorded. Earlier claims are stale. */
  turnedAwayAt: number
}

export const createLane = (): Lane => ({
  waiting: { quick: [], slow: [] },
  posting: { quick: 0, slow: 0 },
  answerMs: undefined,
  begunAt: 0,
  answeredAt: Number.NEGATIVE_INFINITY,
  turnedAwayAt: Number.NEGATIVE_INFINITY,
})

/** Posts in progress of each pace, of all apps. */
export type Load = Record<Pace, number>

const fairShare = (posting: number) => (posting < MOST / 2 ? MOST_PER_APP : MOST_PER_APP_IN_A_CROWD)
const slowShare = (lane: Lane, load: Load, at: number) =>
  fairShare(load.slow) * (at - lane.answeredAt < ALIVE_MS && load.slow < MOST / 2 ? ALIVE : 1)
const startsOf = (lane: Lane, load: Load, pace: Pace, at: number) =>
  pace === 'quick' ? fairShare(load.quick) : slowShare(lane, load, at) / 2

/** Whether a post may begin. Posts that are slow from the start leave half of the slow slots to those that become slow. */
export const mayBegin = (lane: Lane, load: Load, pace: Pace, at: number): boolean =>
  load[pace] < MOST && lane.posting[pace] < startsOf(lane, load, pace, at)

/** Whether a post that has become slow may release its quick slot. */
export const mayTurnSlow = (lane: Lane, load: Load, at: number): boolean =>
  load.slow < MOST && lane.posting.slow < slowShare(lane, load, at)

/** How many more may be claimed; 0 while half of what was claimed ahead still waits. */
export function roomIn(lane: Lane, load: Load, pace: Pace, at: number): number {
  if (isClosed(lane)) return 0
  const [waiting, share] = [lane.waiting[pace].length, startsOf(lane, load, pace, at)]
  const ahead = pace === 'slow' ? 0 : aheadOf(lane, share)
  return waiting <= ahead / 2 ? Math.max(0, share + ahead - lane.posting[pace] - waiting) : 0
}

function aheadOf({ answerMs }: Lane, share: number): number {
  if (answerMs === undefined) return 0
  return Math.min(MOST_AHEAD, Math.floor((share * AHEAD_MS) / Math.max(answerMs, 1)))
}

/** A post has released its slot. Slow posts do not count towards the app's response time. */
export function noteAnswer(lane: Lane, pace: Pace, answerMs: number, at: number): void {
  if (answerMs < QUICK_MS) lane.answeredAt = at
  if (pace === 'quick')
    lane.answerMs = lane.answerMs === undefined ? answerMs : lane.answerMs + NEWEST * (answerMs - lane.answerMs)
}

export const isClosed = ({ turnedAwayAt }: Lane) => turnedAwayAt === Number.POSITIVE_INFINITY

export const isStale = ({ at, until }: Claimed, now: number) => now - at > LONGEST_WAIT || until - now < LEAST_LEASE

/** Whether the lane can be dropped: it is empty, and has been for longer than a claim waits. */
export const isIdle = (lane: Lane, at: number) =>
  PACES.every(pace => lane.posting[pace] === 0 && lane.waiting[pace].length === 0) &&
  !isClosed(lane) &&
  at - lane.begunAt > LONGEST_WAIT

/** Removes and returns deliveries that have waited too long, or all of them. */
export function takeStaleOf(lane: Lane, at: number, everything: boolean): Claimed[] {
  return PACES.flatMap(pace => {
    const { keep = [], give = [] } = Object.groupBy(lane.waiting[pace], claimed =>
      everything || isStale(claimed, at) ? 'give' : 'keep',
    )
    lane.waiting[pace] = keep
    if (give.length > 0) lane.answerMs = undefined // its response time is measured again
    return give
  })
}
