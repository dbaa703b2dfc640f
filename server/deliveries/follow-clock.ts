import { announce } from '../../db/changes.ts'
import { type Database, lockName, type Tx } from '../../db/connect.ts'
import { type Clock, MINUTE } from '../base/clock.ts'
import { createClockWatch } from '../base/clock-watch.ts'
import type { Log } from '../base/log.ts'
import { correctMails, moveMails } from '../mail/move-mails.ts'
import { LEASE } from './claim-store.ts'
import { type ClockStep, dueNow, endLeasesBy, isStepNoted, moveAttempts, noteStep } from './clock-step-store.ts'

/** Clocks of other machines may be ahead by this much without being wrong. */
const MARGIN = MINUTE

/**
 * Keeps the length of waits when the clock is set under a running process: scheduled attempts in the database are by that clock
 * (docs/clocks.md).
 */
export type ClockFollower = {
  /** Whether the clock was set and `follow` has not run since. */
  isBehind(): boolean
  /**
   * Shifts waiting deliveries after the clock was set back. The first call also corrects deliveries scheduled by an earlier
   * wrong clock. Returns by how many milliseconds the clock was set since the last call; 0 if it was not.
   */
  follow(): Promise<number>
}

export function createClockFollower({
  database,
  clock,
  log,
}: {
  database: Database
  clock: Clock
  log: Log
}): ClockFollower {
  const watch = createClockWatch(clock)
  let corrected = false

  return {
    isBehind: () => watch.step() !== 0,
    async follow() {
      const by = watch.step()
      if (!corrected) await database.transaction(tx => correct(tx, clock.now()))
      corrected = true
      if (by === 0) return 0
      log.warn({ by }, 'the clock was set; next attempts were moved with it')
      if (by < 0) await database.transaction(tx => moveWaits(tx, { at: clock.now(), by }))
      watch.accept(by)
      return by
    },
  }
}

/**
 * Of several processes that notice the same step, one shifts the waits. Only after a step back: after a step forward nothing is
 * late.
 */
async function moveWaits(tx: Tx, step: ClockStep): Promise<void> {
  await lockName(tx, 'clock steps')
  if (await isStepNoted(tx, step)) return
  await noteStep(tx, step)
  await moveAttempts(tx, step)
  await endLeasesBy(tx, step.at + LEASE)
  await moveMails(tx, step)
  announceAll(tx)
}

async function correct(tx: Tx, at: number): Promise<void> {
  await dueNow(tx, at, at + MARGIN)
  await endLeasesBy(tx, at + LEASE)
  await correctMails(tx, at, at + MARGIN)
  announceAll(tx)
}

function announceAll(tx: Tx): void {
  announce(tx, 'deliveries')
  announce(tx, 'mails')
}
