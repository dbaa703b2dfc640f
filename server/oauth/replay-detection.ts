import type { Provider } from 'oidc-provider'

/** An assertion or a proof whose `jti` is stored already; the adapter throws it, the model below tells it on. */
export class UsedBefore extends Error {
  override name = 'UsedBefore'
}

/**
 * The library looks for a `jti` and then stores it, so that several uses at once would all find nothing. Storing it is
 * what decides here: whoever comes second is told "used before", in the words of what was used (RFC 7523 §3, RFC 9449 §11.1).
 */
export function decideReplaysByStoring(provider: Provider): void {
  const model = provider.ReplayDetection
  const findThenStore = model.unique.bind(model)
  model.unique = async (issuer, jti, expiresAt) => {
    try {
      return await findThenStore(issuer, jti, expiresAt)
    } catch (error) {
      if (error instanceof UsedBefore) return false
      throw error
    }
  }
}
