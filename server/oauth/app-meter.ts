import { errors } from 'oidc-provider'
import type { AppError } from '../base/errors.ts'
import type { RateLimits } from '../limits/rate-limits.ts'

/**
 * Counts one request to an endpoint of the authorization server. It counts for the address until the app is
 * authenticated, which only a successful response proves; then it counts for the app. A stranger who names an app
 * therefore uses up none of its limit.
 */
export type AppMeter = {
  /** Throws the OAuth error of a 429 if the app has nothing left. */
  requireLeft(appId: string): void
  /** Throws the OAuth error of a 429 if the app or platform has changed or registered too much. */
  spend(name: 'update_app' | 'register_platform', key: string): Promise<void>
  proven(appId: string): Promise<void>
}

/** `retryAfter` sets the header of the response. */
export function createAppMeter(limits: RateLimits, network: string, retryAfter: (seconds: number) => void): AppMeter {
  const refuse = (error: unknown): never => {
    const { retryAfter: seconds } = error as AppError
    if (seconds === undefined) throw error
    retryAfter(seconds)
    throw new TooManyRequests()
  }
  return {
    requireLeft(appId) {
      try {
        limits.requireLeft('oauth_app', appId)
      } catch (error) {
        refuse(error)
      }
    },
    spend: async (name, key) => await limits.spend([name, key]).catch(refuse),
    async proven(appId) {
      limits.giveBack('oauth_address', network)
      await limits.trySpend('oauth_app', appId)
    },
  }
}

class TooManyRequests extends errors.CustomOIDCProviderError {
  constructor() {
    super('temporarily_unavailable', 'too many requests')
    this.status = 429
    this.statusCode = 429
  }
}
