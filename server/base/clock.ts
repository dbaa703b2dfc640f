/** The source of time; tests bring their own and advance it. */
export type Clock = {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number
  /** Milliseconds from an arbitrary start that never decrease, even if the clock is set: for durations within one process. */
  monotonic(): number
}

/**
 * Milliseconds of real time that never decrease and that tests do not advance: for comparisons with timers, other processes or
 * the network. Waits for a date use a `Clock`.
 */
export function realElapsed(): number {
  return performance.now()
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: realElapsed }

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** The end of a day in UTC, given as in `2030-01-31`; undefined if there is no such day. */
export function endOfDay(text: string): number | undefined {
  const start = Date.parse(`${text}T00:00:00.000Z`)
  const real = !Number.isNaN(start) && isoTime(start).slice(0, 10) === text // 31 February parses as 3 March
  return real ? start + DAY : undefined
}

/** ISO 8601 in UTC with milliseconds, as in every response and event. */
export function isoTime(at: number): string {
  return new Date(at).toISOString()
}
