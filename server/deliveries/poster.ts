import type { Caps } from '../base/caps.ts'
import type { Outbound } from '../base/outbound.ts'
import { type Answered, attemptDelivery } from './attempt-delivery.ts'
import { type BookkeeperCaps, createBookkeeper } from './bookkeeper.ts'
import type { ClaimedDelivery } from './claim-store.ts'
import type { Claimed } from './lane.ts'
import type { Lanes } from './lanes.ts'

/** Responses within this time are followed up together: a claim costs nearly the same for one delivery as for many. */
const GATHER_MS = 4

export type PosterCaps = Pick<Caps, 'keyring'> & BookkeeperCaps & { outbound: Outbound }

/** Posts claimed deliveries as soon as they have a slot, and has the attempts recorded. */
export type Poster = {
  /** Posts every delivery that can take a slot now. */
  begin(): void
  /** Deliveries that are being posted or recorded. */
  underWay(): ClaimedDelivery[]
  /** How many are being recorded. */
  recording(): number
  /** Begins nothing more. */
  stop(): void
  /** Resolves when everything in progress is recorded. */
  finish(): Promise<void>
}

/** `freed` is called when there is room for more: once for all responses that arrive at nearly the same time. */
export function createPoster(caps: PosterCaps, lanes: Lanes, freed: () => void): Poster {
  const { clock, log } = caps
  const underWay = new Map<ClaimedDelivery, Promise<void>>()
  const gather = () => gatherAnswers(lanes)
  const bookkeeper = createBookkeeper(caps, gather)
  const followUp = createFollowUp(gather, freed)
  let stopped = false
  let turning: NodeJS.Timeout | undefined

  function begin(): void {
    if (stopped) return
    const next = () => lanes.next(clock.monotonic())
    for (let claimed = next(); claimed; claimed = next()) attempt(claimed)
    const ms = lanes.slowIn(clock.monotonic())
    if (ms !== undefined) turning ??= setTimeout(turnSlow, Math.max(ms, 1)).unref()
  }

  /** Moves slow posts to slow slots. */
  function turnSlow(): void {
    turning = undefined
    const turned = lanes.turnSlow(clock.monotonic())
    begin()
    if (turned > 0 && !stopped) followUp()
  }

  function attempt(claimed: Claimed): void {
    const { delivery } = claimed
    const done = post(claimed)
      .then(answered => record(claimed, answered))
      .catch(error =>
        log.error({ err: error, delivery: delivery.id }, 'an attempt could not be recorded; its lease will end'),
      )
      .finally(() => {
        underWay.delete(delivery)
        if (hasRoom(delivery)) followUp()
      })
    underWay.set(delivery, done)
  }

  async function post(claimed: Claimed): Promise<Answered> {
    const answered = await attemptDelivery(caps, claimed.delivery, claimed.app).catch(error => {
      lanes.leave(claimed, 0, clock.monotonic())
      throw error
    })
    lanes.leave(claimed, answered.ms, clock.monotonic())
    if (answered.outcome.kind === 'gone') lanes.close(claimed.delivery.app_id) // before another delivery takes the slot
    return answered
  }

  async function record({ delivery, until }: Claimed, answered: Answered): Promise<void> {
    begin()
    if (hasRoom(delivery)) followUp()
    try {
      await bookkeeper.write({ ...answered, body: await answered.body }, until)
    } finally {
      if (answered.outcome.kind === 'gone') lanes.reopen(delivery.app_id, clock.monotonic())
    }
  }

  const hasRoom = ({ app_id: appId }: ClaimedDelivery) =>
    lanes.roomFor(appId) > 0 || lanes.roomFor(appId, true) > 0 || underWay.size === 0

  return {
    begin,
    underWay: () => [...underWay.keys()],
    recording: () => underWay.size - lanes.posting(),
    stop: () => {
      stopped = true
      clearTimeout(turning)
      bookkeeper.stop()
    },
    finish: async () => void (await Promise.all(underWay.values())),
  }
}

/** Calls `freed` once for everything that finishes while it gathers. */
function createFollowUp(gather: () => Promise<void>, freed: () => void): () => void {
  let gathering = false
  return () => {
    if (gathering) return
    gathering = true
    void gather().then(() => {
      gathering = false
      freed()
    })
  }
}

/** While other posts are in progress, more responses follow shortly; a single one is recorded at once. */
async function gatherAnswers(lanes: Lanes): Promise<void> {
  await new Promise<void>(resolve => (lanes.posting() > 0 ? setTimeout(resolve, GATHER_MS) : setImmediate(resolve)))
}
