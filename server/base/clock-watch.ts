import { type Clock, SECOND } from './clock.ts'

/** Slower changes are how a clock is kept right, and delay nothing worth the name. */
const SMALLEST = SECOND

/** Notices that the clock was set, by a comparison with the monotonic one; whoever asks every second misses no step. */
export type ClockWatch = {
  /** By how many milliseconds the clock was set since the last `accept`: negative where back, 0 where it was not set. */
  step(): number
  /** Whatever had to follow from a step has been done. */
  accept(step: number): void
}

export function createClockWatch(clock: Clock): ClockWatch {
  let ahead = clock.now() - clock.monotonic()
  return {
    step() {
      const now = clock.now() - clock.monotonic()
      if (Math.abs(now - ahead) >= SMALLEST) return Math.round(now - ahead)
      ahead = now // drift
      return 0
    },
    accept(step) {
      ahead += step
    },
  }
}
