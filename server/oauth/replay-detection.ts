import type { Provider } from 'oidc-provider'
import { type Clock, SECOND } from '../base/clock.ts'
import { PROOF_WINDOW } from './dpop-proof.ts'

/** An assertion or a proof whose `jti` is stored already; the adapter throws it, the model below tells it on. */
export class UsedBefore extends Error {
  override name = 'UsedBefore'
}

/**
 * The library looks for a `jti` and then stores it, so that several uses at once would all find nothing. Storing it is
 * what decides here: whoever comes second is told "used before", in the words of what was used (RFC 7523 §3, RFC 9449 §11.1).
 * It is kept at least until a proof from the far end of the window has lapsed.
 */
export function decideReplaysByStoring(provider: Provider, clock: Clock): void {
  const model = provider.ReplayDetection
  const findThenStore = model.unique.bind(model)
  model.unique = async (issuer, jti, expiresAt) => {
    const earliest = Math.ceil(clock.now() / SECOND) + 2 * PROOF_WINDOW
    try {
      return await findThenStore(issuer, jti, Math.max(expiresAt, earliest))
    } catch (error) {
      if (error instanceof UsedBefore) return false
      throw error
    }
  }
}
