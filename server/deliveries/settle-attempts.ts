import { noteAddressBack, noteGoneAddress } from '../../apps-registry/gone-address.ts'
import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import type { Attempted } from './attempt-delivery.ts'
import { insertAttempts } from './attempt-store.ts'
import type { ClaimedDelivery } from './claim-store.ts'
import { postpone, settle } from './delivery-store.ts'
import type { EventType } from './event-type.ts'
import { QUICK_MS } from './lane.ts'
import { logged } from './outcome.ts'
import { nextStep } from './schedule.ts'

export type Settled = {
  deliveryId: string
  installationId: string
  keyId: string | null
  type: EventType
  /** The address is gone; the app's other deliveries are paused. */
  gone: boolean
}

/** Effects of settled deliveries, in the same transaction, in rooms that this one may not import. */
export type DeliveryHooks = {
  /** Locks the installations' rows before the deliveries' rows, as every verb does. */
  lock(tx: Tx, installationIds: readonly string[]): Promise<void>
  delivered(tx: Tx, settled: readonly Settled[]): Promise<void>
  failed(tx: Tx, settled: Settled): Promise<void>
}

export type SettleCaps = Pick<Caps, 'clock' | 'random'> & {
  /** Seconds between attempts. */
  retrySchedule: readonly number[]
  hooks: DeliveryHooks
}

/** How many deliveries a transaction has settled. */
export type Ended = { delivered: number; failed: number }

/**
 * Records attempts and their effects in one transaction. A delivery that was cancelled or leased by another worker in the
 * meantime keeps its state: such an attempt is only logged. Returns how many deliveries were settled.
 */
export async function settleAttempts(tx: Tx, caps: SettleCaps, attempts: readonly Attempted[]): Promise<Ended> {
  const at = caps.clock.now()
  await caps.hooks.lock(
    tx,
    attempts.flatMap(({ delivery }) => delivery.installation_id ?? []),
  )
  await insertAttempts(tx, attempts.map(attemptRow))
  const delivered = await settleDelivered(tx, caps, attempts, at)
  let failed = 0
  for (const attempt of attempts)
    if (attempt.outcome.kind !== 'acknowledged' && (await settleFailed(tx, caps, attempt, at))) failed += 1
  return { delivered, failed }
}

async function settleDelivered(
  tx: Tx,
  { hooks }: SettleCaps,
  attempts: readonly Attempted[],
  at: number,
): Promise<number> {
  const acknowledged = attempts.filter(({ outcome }) => outcome.kind === 'acknowledged').map(({ delivery }) => delivery)
  const ended = await settle(tx, acknowledged, 'delivered', at)
  const settled = acknowledged.filter(({ id }) => ended.has(id)).flatMap(delivery => settledOf(delivery, false))
  if (settled.length > 0) await hooks.delivered(tx, settled)
  for (const { delivery, outcome } of attempts)
    if (outcome.kind === 'acknowledged' && delivery.type === 'ping')
      await noteAddressBack(tx, delivery.app_id, outcome.address)
  return ended.size
}

/** Whether the delivery has failed for good. */
async function settleFailed(tx: Tx, caps: SettleCaps, attempt: Attempted, at: number): Promise<boolean> {
  const { delivery, outcome, ms } = attempt
  const gone = outcome.kind === 'gone'
  if (gone) await noteGoneAddress(tx, delivery.app_id, outcome.address)
  const retryAfter = outcome.kind === 'refused' ? outcome.retryAfter : undefined
  const next = gone
    ? 'exhausted'
    : nextStep(scheduleOf(caps, delivery), delivery.attempts + 1, retryAfter, at, caps.random)
  if (next !== 'exhausted') {
    await postpone(tx, delivery, next.at, ms >= QUICK_MS)
    return false
  }
  const ended = await settle(tx, [delivery], 'failed', at)
  if (ended.size === 0) return false
  if (!delivery.redelivery) for (const settled of settledOf(delivery, gone)) await caps.hooks.failed(tx, settled)
  return true
}

/** A person waits for the outcome of a ping and presses again if it fails; a retry hours later would only confuse. */
const scheduleOf = ({ retrySchedule }: SettleCaps, { type }: ClaimedDelivery) => (type === 'ping' ? [] : retrySchedule)

/** Empty for a ping, which has no installation. */
function settledOf({ id, installation_id, key_id, type }: ClaimedDelivery, gone: boolean): Settled[] {
  if (installation_id === null) return []
  return [{ deliveryId: id, installationId: installation_id, keyId: key_id, type, gone }]
}

const attemptRow = ({ delivery, outcome, body, at, ms }: Attempted) => ({
  delivery_id: delivery.id,
  ...logged(outcome),
  ...(outcome.kind === 'unsent' ? beforeLookup({ at, ms }) : { at, ms }),
  answer: body.replaceAll('\0', '�'), // PostgreSQL refuses NUL in text
})

/** Nothing was sent, so the duration is 0: the time of the lookup would tell internal names from unknown ones. */
const beforeLookup = ({ at, ms }: Pick<Attempted, 'at' | 'ms'>) => ({ at: at - ms, ms: 0 })
