import type { Provider } from 'oidc-provider'

/** Parameters of OpenID Connect that have no effect without the scope `openid`. */
const MEANINGLESS = ['acr_values', 'claims_locales', 'nonce']

type Params = Record<string, unknown>

/**
 * The library refuses a request without `openid` that has one of these, but unknown parameters must be ignored (RFC
 * 6749 §3.1). `max_age` and `id_token_hint` stay refused: ignoring them would accept the wrong sign-in.
 */
export function ignoreOutsideOpenId(provider: Provider): void {
  const kept = new WeakMap<object, Params | undefined>()
  Object.defineProperty(provider.OIDCContext.prototype, 'params', {
    get() {
      return kept.get(this)
    },
    set(params: Params | undefined) {
      const scopes = String(params?.['scope'] ?? '').split(' ')
      if (params && !scopes.includes('openid')) for (const name of MEANINGLESS) delete params[name]
      kept.set(this, params)
    },
  })
}
