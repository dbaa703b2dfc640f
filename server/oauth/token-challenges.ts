import type { AppError } from '../base/errors.ts'
import { PROOF_ALGS } from './dpop-proof.ts'

/**
 * The challenges in a 401 of an API that takes access tokens (RFC 9449 §7.1): Bearer, and DPoP with its algorithms. The scheme
 * that the request used comes first and has the error (RFC 6750 §3.1).
 */
export function tokenChallenges(error: AppError, scheme: string | undefined): string[] {
  const reason = error.code === 'access.invalid_proof' ? 'invalid_dpop_proof' : 'invalid_token'
  const fault = (own: string) => (scheme?.toLowerCase() === own ? `, error="${reason}"` : '')
  const bearer = `Bearer realm="latchkey"${fault('bearer')}`
  const dpop = `DPoP realm="latchkey"${fault('dpop')}, algs="${PROOF_ALGS.join(' ')}"`
  return scheme?.toLowerCase() === 'dpop' ? [dpop, bearer] : [bearer, dpop]
}
