import type { Tx } from '../../db/connect.ts'
import { SECOND } from '../base/clock.ts'

/** A clock step: the time after it, and its size in milliseconds, negative if the clock was set back. */
export type ClockStep = { at: number; by: number }

/** Every process notices a step within this time. */
const NOTICED_WITHIN = 10 * SECOND
/** How much two processes' measurements of one step may differ. */
const MEASURED_WITHIN = SECOND

export async function isStepNoted(tx: Tx, { at, by }: ClockStep): Promise<boolean> {
  const noted = await tx('clock_steps')
    .whereBetween('at', [at - NOTICED_WITHIN, at + NOTICED_WITHIN])
    .whereBetween('by', [by - MEASURED_WITHIN, by + MEASURED_WITHIN])
    .first('at')
  return noted !== undefined
}

export async function noteStep(tx: Tx, step: ClockStep): Promise<void> {
  await tx('clock_steps').insert(step)
}

const pending = (tx: Tx) => tx('deliveries').whereRaw("status = 'pending'") // as in the index of pending deliveries

/** Shifts scheduled attempts, so that they are as far from now as before the step. */
export async function moveAttempts(tx: Tx, { at, by }: ClockStep): Promise<void> {
  await pending(tx)
    .where('next_attempt_at', '>', at)
    .update({ next_attempt_at: tx.raw('next_attempt_at + ?', [by]) })
}

/** Shortens leases that end later than one taken now. */
export async function endLeasesBy(tx: Tx, until: number): Promise<void> {
  await pending(tx).where('lease_until', '>', until).update({ lease_until: until })
}

/** Makes deliveries due that were queued or last attempted later than `latest`, which only a wrong clock can have caused. */
export async function dueNow(tx: Tx, at: number, latest: number): Promise<void> {
  const attempted = tx('delivery_attempts as a').whereRaw('a.delivery_id = deliveries.id').where('a.at', '>', latest)
  await pending(tx)
    .where('next_attempt_at', '>', at)
    .where(wrong => wrong.where('created_at', '>', latest).orWhereExists(attempted.select('a.number')))
    .update({ next_attempt_at: at })
}
