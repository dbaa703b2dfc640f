import { decodeJwt } from 'jose'
import type { KoaContextWithOIDC } from 'oidc-provider'

/**
 * The parameters of an authorization request as the client sent them: oidc-provider drops some and adds defaults for others.
 */
export function sentParameters({ oidc, query }: KoaContextWithOIDC): Record<string, unknown> {
  const pushed = oidc.entities.PushedAuthorizationRequest
  return pushed ? decodeJwt(pushed.request) : (oidc.body ?? query)
}
