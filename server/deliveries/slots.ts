import { type Claimed, type Lane, type Load, mayTurnSlow, noteAnswer, type Pace, paceOf, QUICK_MS } from './lane.ts'

/** The posts in progress, each in a slot of its pace. All times are monotonic. */
export type Slots = {
  /** Posts in progress of each pace, of all apps. */
  readonly load: Readonly<Load>
  /** A post begins and takes a slot. */
  enter(claimed: Claimed, lane: Lane, at: number): void
  /** A post has finished and releases its slot. */
  leave(claimed: Claimed, answerMs: number, at: number): void
  /** Moves posts that have become slow from quick slots to slow ones, while there are any. Returns how many. */
  turnSlow(at: number): number
  /** Milliseconds until the next post becomes slow; undefined if none can. */
  slowIn(at: number): number | undefined
  taken(): number
}

export function createSlots(laneOf: (appId: string) => Lane): Slots {
  const load: Load = { quick: 0, slow: 0 }
  const underWay = new Map<Claimed, Pace>()
  /** Quick so far, oldest first. */
  const fresh = new Map<Claimed, number>()
  /** No longer quick, but without a slow slot. */
  const stuck = new Set<Claimed>()

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

  function turnSlow(at: number): number {
    for (const [claimed, begunAt] of fresh) {
      if (at - begunAt < QUICK_MS) break
      fresh.delete(claimed)
      stuck.add(claimed)
    }
    const turned = [...stuck].filter(claimed => turn(claimed, at))
    for (const claimed of turned) stuck.delete(claimed)
    return turned.length
  }

  return {
    load,
    turnSlow,
    enter(claimed, lane, at) {
      const pace = paceOf(claimed)
      lane.posting[pace] += 1
      load[pace] += 1
      underWay.set(claimed, pace)
      if (pace === 'quick') fresh.set(claimed, at)
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
      if (stuck.size > 0) turnSlow(at)
    },
    slowIn(at) {
      const [oldest] = fresh.values()
      return oldest === undefined ? undefined : Math.max(0, oldest + QUICK_MS - at)
    },
    taken: () => underWay.size,
  }
}
