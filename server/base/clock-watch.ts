import { type Clock, SECOND } from './clock.ts'

/** Smaller changes are ordinary corrections (NTP) and delay nothing noticeably. */
const SMALLEST = SECOND

/** Detects that the clock was set by comparing it with the monotonic clock. Call `step` every second to miss no step. */
export type ClockWatch = {
  /** By how many milliseconds the clock was set since the last `accept`; negative if it was set back, 0 if it was not set. */
  step(): number
  /** Marks the step as handled; the next comparison starts from here. */
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
