import { errors } from 'oidc-provider'
import type { Clock } from '../base/clock.ts'
import { SECOND } from '../base/clock.ts'

export const ASSERTION_ALGS = ['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'] as const
/** Tolerated clock difference in seconds. */
export const CLOCK_TOLERANCE = 60
/** The longest life of an assertion in seconds, for which its `jti` is stored. */
const LONGEST = 3_600
/** RFC 7519 §5.1 and draft-ietf-oauth-rfc7523bis; another type is a token for another purpose (RFC 8725 §3.11). */
const TYPES = ['jwt', 'client-authentication+jwt']

export type AssertionClaims = { exp?: unknown; iat?: unknown; aud?: unknown }

/**
 * Checks a client assertion beyond the checks of oidc-provider (RFC 7523 §3): it expires within an hour, is not issued
 * in the future, and names no audience but this server, to which `audiences` belong. Throws `invalid_client`.
 */
export function checkClientAssertion(
  { clock, audiences }: { clock: Clock; audiences: ReadonlySet<string> },
  { exp, iat, aud }: AssertionClaims,
  { typ }: { typ?: unknown },
): void {
  const now = clock.now() / SECOND
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.includes(typ.toLowerCase().replace('application/', ''))))
    throw refused('typ must be JWT or client-authentication+jwt')
  if (typeof exp !== 'number' || exp > now + LONGEST + CLOCK_TOLERANCE)
    throw refused('exp must be a time within an hour')
  if (iat !== undefined && (typeof iat !== 'number' || iat > now + CLOCK_TOLERANCE))
    throw refused('iat must not be in the future')
  const named = [aud].flat()
  if (named.length === 0 || !named.every(audience => typeof audience === 'string' && audiences.has(audience)))
    throw refused('aud must be this server alone')
}

function refused(rule: string): errors.InvalidClientAuth {
  return new errors.InvalidClientAuth(`client assertion: ${rule}`)
}
