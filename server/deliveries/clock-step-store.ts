import type { Tx } from '../../db/connect.ts'
import { SECOND } from '../base/clock.ts'

/** A clock that was set: the time it showed afterwards, and by how many milliseconds; negative where it was set back. */
export type ClockStep = { at: number; by: number }

/** Within this time every process has noticed a step. */
const NOTICED_WITHIN = 10 * SECOND
/** How far what two processes measured of one step may differ. */
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

/** Attempts that are to come are as far from now as they were before the step. */
export async function moveAttempts(tx: Tx, { at, by }: ClockStep): Promise<void> {
  await pending(tx)
    .where('next_attempt_at', '>', at)
    .update({ next_attempt_at: tx.raw('next_attempt_at + ?', [by]) })
}

/** No lease ends later than one that is taken now. */
export async function endLeasesBy(tx: Tx, until: number): Promise<void> {
  await pending(tx).where('lease_until', '>', until).update({ lease_until: until })
}

/** Makes due what was made, or last attempted, later than `latest`: by a clock that was wrong then. */
export async function dueNow(tx: Tx, at: number, latest: number): Promise<void> {
  const attempted = tx('delivery_attempts as a').whereRaw('a.delivery_id = deliveries.id').where('a.at', '>', latest)
  await pending(tx)
    .where('next_attempt_at', '>', at)
    .where(wrong => wrong.where('created_at', '>', latest).orWhereExists(attempted.select('a.number')))
    .update({ next_attempt_at: at })
}
