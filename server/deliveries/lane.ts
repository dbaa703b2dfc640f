import type { App } from '../../apps-registry/find-app.ts'
import { SECOND } from '../base/clock.ts'
import type { ClaimedDelivery } from './claim-store.ts'

/**
 * A delivery that is this worker's for a while, and the app as it was then. `at`: since when it waits for a slot; `until`:
 * when its lease ends; both by the monotonic clock.
 */
export type Claimed = { delivery: ClaimedDelivery; app: App | undefined; at: number; until: number }

/** A post that has been under way for so long is slow, and so is the next attempt of a delivery whose last one was. */
export const QUICK_MS = SECOND / 2
export type Pace = 'quick' | 'slow'
export const PACES: readonly Pace[] = ['quick', 'slow']
export const paceOf = ({ delivery }: Claimed): Pace => (delivery.slow ? 'slow' : 'quick')

/**
 * How many posts are under way at once, of each pace, in all and for one app. When half of the slots are taken, an app's
 * share is small: however many hang, there is room for those that respond.
 */
export const MOST = 512
export const MOST_PER_APP = 32
const MOST_PER_APP_IN_A_CROWD = 8
/** If an app responds to some quickly, single installations hang and not its address: more may hang. */
const ALIVE = 3
const ALIVE_MS = 15 * SECOND
/** What is claimed ahead, so that one claim pays for many: what the app will have answered within this time, at its pace. */
const AHEAD_MS = 200
const MOST_AHEAD = 480
/** Weight of the newest response time in an app's pace. */
const NEWEST = 0.2
/** What has waited for a slot so long is given back: the app does not keep its pace, or has changed since. */
export const LONGEST_WAIT = SECOND
/** What is left of a lease when an attempt begins: longer than the attempt can take. */
const LEAST_LEASE = 17 * SECOND

/** What one app has at this worker. */
export type Lane = {
  /** Claimed and not yet begun, in order. */
  waiting: Record<Pace, Claimed[]>
  posting: Record<Pace, number>
  /** Approximate response time; unknown before the first response. */
  answerMs: number | undefined
  /** When something was last begun, and last answered within moments. */
  begunAt: number
  answeredAt: number
  /** When it turned everything away; without end until that is written down. What was claimed before is stale. */
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

/** Posts of each pace that are under way, of all apps. */
export type Load = Record<Pace, number>

const fairShare = (posting: number) => (posting < MOST / 2 ? MOST_PER_APP : MOST_PER_APP_IN_A_CROWD)
const slowShare = (lane: Lane, load: Load, at: number) =>
  fairShare(load.slow) * (at - lane.answeredAt < ALIVE_MS && load.slow < MOST / 2 ? ALIVE : 1)
const startsOf = (lane: Lane, load: Load, pace: Pace, at: number) =>
  pace === 'quick' ? fairShare(load.quick) : slowShare(lane, load, at) / 2

/** Whether a post may begin. Those that are slow from the beginning leave half of the slow slots to those that become so. */
export const mayBegin = (lane: Lane, load: Load, pace: Pace, at: number): boolean =>
  load[pace] < MOST && lane.posting[pace] < startsOf(lane, load, pace, at)

/** Whether a post that has become slow may leave its quick slot to another one. */
export const mayTurnSlow = (lane: Lane, load: Load, at: number): boolean =>
  load.slow < MOST && lane.posting.slow < slowShare(lane, load, at)

/** How many more may be claimed; nothing while half of what was claimed ahead still waits. */
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

/** A post has left its slot: of those that were slow the pace of the app says nothing. */
export function noteAnswer(lane: Lane, pace: Pace, answerMs: number, at: number): void {
  if (answerMs < QUICK_MS) lane.answeredAt = at
  if (pace === 'quick')
    lane.answerMs = lane.answerMs === undefined ? answerMs : lane.answerMs + NEWEST * (answerMs - lane.answerMs)
}

export const isClosed = ({ turnedAwayAt }: Lane) => turnedAwayAt === Number.POSITIVE_INFINITY

export const isStale = ({ at, until }: Claimed, now: number) => now - at > LONGEST_WAIT || until - now < LEAST_LEASE

/** Nothing to remember: it has nothing under way, and has had nothing for longer than a claim waits. */
export const isIdle = (lane: Lane, at: number) =>
  PACES.every(pace => lane.posting[pace] === 0 && lane.waiting[pace].length === 0) &&
  !isClosed(lane) &&
  at - lane.begunAt > LONGEST_WAIT

/** Takes out what has waited too long, or everything. */
export function takeStaleOf(lane: Lane, at: number, everything: boolean): Claimed[] {
  return PACES.flatMap(pace => {
    const { keep = [], give = [] } = Object.groupBy(lane.waiting[pace], claimed =>
      everything || isStale(claimed, at) ? 'give' : 'keep',
    )
    lane.waiting[pace] = keep
    if (give.length > 0) lane.answerMs = undefined // its pace is measured again
    return give
  })
}
