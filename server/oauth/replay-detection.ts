import type { Provider } from 'oidc-provider'
import { type Clock, SECOND } from '../base/clock.ts'
import { PROOF_WINDOW } from './dpop-proof.ts'

/** An assertion or proof whose `jti` is stored already; thrown by the adapter and translated by the model below. */
export class UsedBefore extends Error {
  override name = 'UsedBefore'
}

/**
 * The library reads a `jti` and then stores it, so that simultaneous uses would all find nothing. Here the insert
 * decides: the second use is refused as a replay, in the terms of its kind (RFC 7523 §3, RFC 9449 §11.1). A `jti` is
 * kept at least until a proof from the far end of the window has expired.
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
