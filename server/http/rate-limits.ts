import { type RateLimiterAbstract, RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { AppError } from '../base/errors.ts'

/** What is limited: so many points in so many seconds, each for one caller, one email, or one token. */
const LIMITS = {
  sign_in_address: { points: 30, duration: 300 },
  sign_in_email: { points: 10, duration: 900 },
  sign_up_address: { points: 20, duration: 3_600 },
  api: { points: 1_200, duration: 60 },
  test_delivery: { points: 30, duration: 60 },
  leaks: { points: 30, duration: 60 },
  register: { points: 60, duration: 3_600 },
} as const

export type LimitName = keyof typeof LIMITS

export type RateLimits = {
  /** Takes one point. Throws `request.rate_limited` with the seconds to wait. */
  spend(name: LimitName, key: string): Promise<void>
  /** Forgets what was spent, after a success. */
  forgive(name: LimitName, key: string): Promise<void>
}

/** Counted in the memory of this process. `on: false` lifts every limit (RATE_LIMITS). */
export function createRateLimits(on: boolean): RateLimits {
  const limiters = new Map<LimitName, RateLimiterAbstract>()
  for (const [name, limit] of Object.entries(LIMITS)) limiters.set(name as LimitName, new RateLimiterMemory(limit))
  return {
    async spend(name, key) {
      if (!on) return
      try {
        await limiters.get(name)?.consume(key)
      } catch (refused) {
        if (refused instanceof Error) throw refused
        const seconds = Math.ceil((refused as RateLimiterRes).msBeforeNext / 1_000)
        throw new AppError('request.rate_limited', { retryAfter: Math.max(1, seconds) })
      }
    },
    forgive: async (name, key) => void (await limiters.get(name)?.delete(key)),
  }
}
