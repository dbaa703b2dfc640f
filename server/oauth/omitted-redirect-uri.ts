import {
  type AdapterPayload,
  errors,
  type KoaContextWithOIDC,
  Provider,
  type TokenEndpointGrantContext,
} from 'oidc-provider'
import { sentParameters } from './sent-parameters.ts'

/**
 * An internal parameter of authorization requests, which is kept until their code is issued; a value from the client is
 * overwritten.
 */
export const OMITTED = 'redirect_uri_omitted'

/** Records whether a request omitted `redirect_uri`, as a client with one registered URI may (RFC 6749 §3.1.2.3). */
export function noteOmittedRedirectUri(ctx: KoaContextWithOIDC): void {
  const { params, entities } = ctx.oidc
  if (!params) return
  const sent = sentParameters(ctx)
  const omitted = entities.PushedAuthorizationRequest ? sent[OMITTED] !== undefined : !sent['redirect_uri']
  params[OMITTED] = omitted ? 'true' : undefined
}

/** Adds to the stored authorization code whether its request omitted `redirect_uri`. */
export function withOmission(payload: AdapterPayload): AdapterPayload {
  return Provider.ctx?.oidc.params?.[OMITTED] === undefined ? payload : { ...payload, [OMITTED]: true }
}

/**
 * A token request repeats the `redirect_uri` of its authorization request (RFC 6749 §4.1.3); oidc-provider compares
 * them only if it is present. Throws `invalid_grant`, and the code stays unused.
 */
export async function requireRedirectUri({
  oidc: { params, provider, client },
}: TokenEndpointGrantContext): Promise<void> {
  if (params['redirect_uri'] !== undefined) return
  const code = await provider.AuthorizationCode.adapter.find(String(params['code']))
  if (code && code.clientId === client.clientId && code[OMITTED] === undefined)
    throw new errors.InvalidGrant('redirect_uri is missing: the authorization request named one')
}
