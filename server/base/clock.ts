/** Where the time comes from; tests bring their own and advance it. */
export type Clock = {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number
  /** Milliseconds since any moment, which only grow, whatever the clock is set to: for durations within one process. */
  monotonic(): number
}

/**
 * Milliseconds of real time, which only grow and which tests do not advance: for what is compared with timers of the
 * runtime, with other processes or with what a network takes. What waits for a date uses a `Clock`.
 */
export function realElapsed(): number {
  return performance.now()
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: realElapsed }

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** The end of a day, UTC, that is named as in `2030-01-31`; nothing if there is no such day. */
export function endOfDay(text: string): number | undefined {
  const start = Date.parse(`${text}T00:00:00.000Z`)
  const real = !Number.isNaN(start) && isoTime(start).slice(0, 10) === text // 31 February parses as 3 March
  return real ? start + DAY : undefined
}

/** ISO 8601 in UTC with milliseconds, as in every response and event. */
export function isoTime(at: number): string {
  return new Date(at).toISOString()
}
