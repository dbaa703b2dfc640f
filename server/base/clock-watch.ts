import { type Clock, SECOND } from './clock.ts'

/** Slower changes are ordinary corrections (NTP) and delay nothing noticeably. */
const SMALLEST = SECOND

/** Detects that the clock was set by comparing it with the monotonic clock. Ask every second to miss no step. */
export type ClockWatch = {
  /** By how many milliseconds the clock was set since the last `accept`: negative where back, 0 where it was not set. */
  step(): number
  /** The step has been dealt with; the next comparison starts here. */
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
