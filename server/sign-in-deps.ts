import { createHandOverCookie, type HandOverCookie } from './accounts/hand-over-cookie.ts'
import { createIdentityCookie, type IdentityCookie } from './accounts/identity-cookie.ts'
import { createIdentityProvider, type IdentityProvider } from './accounts/identity-provider.ts'
import { createKnownBrowserCookie, type KnownBrowserCookie } from './accounts/known-browser.ts'
import { createSessionCookie, type SessionCookie } from './accounts/session-cookie.ts'
import type { BaseDeps } from './base-deps.ts'

/** What signing in uses: its cookies, and the operator's OpenID provider. */
export type SignInDeps = {
  knownBrowser: KnownBrowserCookie
  handOverCookie: HandOverCookie
  identityCookie: IdentityCookie
  /** The operator's OpenID provider, where there is one. */
  identity: IdentityProvider | undefined
  sessionCookie: SessionCookie
}

export function createSignInDeps(base: BaseDeps): SignInDeps {
  const { config, clock, outbound, publicUrl } = base
  const { identity } = config.people
  return {
    knownBrowser: createKnownBrowserCookie(base, publicUrl),
    sessionCookie: createSessionCookie(publicUrl, config.sessionLife),
    handOverCookie: createHandOverCookie(base, publicUrl),
    identityCookie: createIdentityCookie(base, publicUrl),
    identity: identity && createIdentityProvider(identity, { clock, publicUrl, fetch: outbound.fetch }),
  }
}
