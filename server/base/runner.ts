import { type Clock, MINUTE, SECOND } from './clock.ts'
import type { Log } from './log.ts'
import type { Pulses } from './pulses.ts'
import { createSleeper } from './sleeper.ts'

/** The longest sleep, however far away the next due time is: the clock may be set, and another process may die. */
const LONGEST_SLEEP = 5 * MINUTE
/** Calls of `wake` within this time share one round. */
const SHORTEST_SLEEP = SECOND
const DELAY_AFTER_FAULT = 15 * SECOND
/** Work without progress for this long counts as stuck. */
const LONGEST_WORK = 10 * MINUTE
/** The longest sleep while no notification would wake it. */
const LONGEST_SLEEP_UNHEARD = 2 * SECOND

export type Runner = {
  /** Works until `stop`. */
  start(): void
  /** Something may be due now, or earlier than known. */
  wake(): void
  /** Starts nothing more and waits for the round in progress. */
  stop(): Promise<void>
}

export type RunnerCaps = {
  clock: Clock
  log: Log
  name: string
  /**
   * Does what is due and returns when more is due; undefined if nothing is known. An error is logged and the work retried.
   * Unbounded work calls `progress` between its parts.
   */
  work(progress: () => void): Promise<number | undefined>
  /** Where the runner reports that it is alive. */
  pulses?: Pulses
  /** Whether notifications that wake it arrive; if not, it polls at a short interval. Default: true. */
  heard?: () => boolean
  /** The shortest time between two rounds, in milliseconds, however often it is woken. */
  shortestSleep?: number
}

/** Runs work whenever some is due: sleeps until then, or until it is woken. */
export function createRunner(caps: RunnerCaps): Runner {
  const { clock, log, name, pulses, work, heard = () => true, shortestSleep = SHORTEST_SLEEP } = caps
  const sleeper = createSleeper({ name, patience: LONGEST_WORK, pulses })

  async function once(): Promise<number> {
    sleeper.progress()
    try {
      return (await work(sleeper.progress)) ?? Number.POSITIVE_INFINITY
    } catch (error) {
      log.error({ err: error }, `${name}: failed; retrying`)
      return clock.now() + DELAY_AFTER_FAULT
    }
  }

  async function round(): Promise<void> {
    const began = clock.monotonic()
    const due = await once()
    const early = () => Math.max(1, shortestSleep - (clock.monotonic() - began))
    const longest = heard() ? LONGEST_SLEEP : LONGEST_SLEEP_UNHEARD
    await sleeper.sleep(Math.min(longest, Math.max(due - clock.now(), early())))
    if (sleeper.isWoken()) await sleeper.rest(early())
  }

  return { start: () => sleeper.start(round), wake: sleeper.wake, stop: sleeper.stop }
}
