import { DAY, SECOND } from '../base/clock.ts'
import type { Random } from '../base/random.ts'

/** Each wait varies by ±20 %, so that endpoints that failed together are not retried together. */
const JITTER = 0.2
const LONGEST_RETRY_AFTER = DAY

/** The result of a failed attempt: the time of the next one, or the end. */
export type NextStep = { at: number } | 'exhausted'

/**
 * When to retry after `attempts` failed attempts. `schedule` is the waits in seconds; a longer `Retry-After` takes precedence,
 * up to a day (RFC 9110 §10.2.3).
 */
export function nextStep(
  schedule: readonly number[],
  attempts: number,
  retryAfter: string | undefined,
  at: number,
  random: Random,
): NextStep {
  const wait = schedule[attempts - 1]
  if (wait === undefined) return 'exhausted'
  const jittered = wait * SECOND * (1 - JITTER + 2 * JITTER * random.fraction())
  return { at: Math.round(at + Math.max(jittered, retryAfterMs(retryAfter, at))) }
}

function retryAfterMs(header: string | undefined, at: number): number {
  if (header === undefined) return 0
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * SECOND : Date.parse(header) - at
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER) : 0
}
