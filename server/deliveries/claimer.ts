import { findApps } from '../../apps-registry/find-app.ts'
import type { Database, Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import type { Log } from '../base/log.ts'
import { opaqueToken } from '../base/random.ts'
import { type ClaimedDelivery, claimDue, LEASE } from './claim-store.ts'
import { giveBack, renewLeases } from './delivery-store.ts'
import { createClockFollower } from './follow-clock.ts'
import type { Claimed } from './lane.ts'
import type { Lanes } from './lanes.ts'
import type { Poster } from './poster.ts'

export type ClaimerCaps = Pick<Caps, 'clock' | 'random'> & { database: Database; log: Log }

/** The deliveries that this worker has leased: takes, renews and releases leases. */
export type Claimer = {
  /** How many may be claimed. Deliveries that are being recorded count, so that a slow database gets no more. */
  room(): number
  /** Releases stale deliveries and leases due ones, which then wait for a slot. Returns how many more are due. */
  claim(): Promise<number>
  /** Whether the clock was set and a claim must run. */
  isBehind(): boolean
  /** Removes and returns all waiting deliveries; the caller releases them. */
  takeAll(): ClaimedDelivery[]
}

export function createClaimer(
  caps: ClaimerCaps,
  lanes: Lanes,
  poster: Pick<Poster, 'underWay' | 'recording'>,
): Claimer {
  const { database, clock } = caps
  const follower = createClockFollower(caps)
  /** Stale deliveries that could not be released because the database was unavailable. */
  let owed: ClaimedDelivery[] = []

  const room = () => lanes.room() - poster.recording()

  const takeStale = (everything = false) => [
    ...owed,
    ...lanes.takeStale(clock.monotonic(), everything).map(({ delivery }) => delivery),
  ]

  /** After the clock was set: leases again end as far from now as before. */
  async function renewOwn(): Promise<void> {
    const own = [...poster.underWay(), ...lanes.waiting(), ...owed]
    await database.relaxed(tx => renewLeases(tx, own, clock.now() + LEASE))
  }

  return {
    room,
    isBehind: () => follower.isBehind(),
    async claim() {
      if ((await follower.follow()) !== 0) await renewOwn()
      owed = takeStale()
      const [stale, most, since] = [owed, room(), clock.monotonic()]
      if (most <= 0 && stale.length === 0) return 0
      const claimed = await database.relaxed(async tx => {
        await giveBack(tx, stale)
        return await lease(tx, caps, lanes, most)
      })
      owed = owed.filter(delivery => !stale.includes(delivery))
      for (const each of claimed) lanes.add({ ...each, at: clock.monotonic(), until: since + LEASE }, since)
      return claimed.length - stale.length
    },
    takeAll: () => takeStale(true),
  }
}

/** Leases at most `most` due deliveries, with their apps. */
async function lease(
  tx: Tx,
  { database, clock, random }: ClaimerCaps,
  lanes: Lanes,
  most: number,
): Promise<Pick<Claimed, 'delivery' | 'app'>[]> {
  if (most <= 0) return []
  const at = clock.now()
  const deliveries = await claimDue(tx, database.kind, {
    lease: opaqueToken(random).slice(0, 40),
    at,
    until: at + LEASE,
    most,
    roomFor: lanes.roomFor,
    full: lanes.full(),
  })
  if (deliveries.length === 0) return []
  const apps = await findApps(tx, [...new Set(deliveries.map(({ app_id }) => app_id))])
  return deliveries.map(delivery => ({ delivery, app: apps.get(delivery.app_id) }))
}
