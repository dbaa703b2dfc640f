import { errors, type KoaContextWithOIDC, type TokenEndpointGrantContext } from 'oidc-provider'
import { apiResource } from './api-resource.ts'
import { requireRedirectUri } from './omitted-redirect-uri.ts'
import { isStandardScope, scopeNames } from './scopes.ts'

/**
 * Checks a token request and adds defaults, after the client is authenticated and before a code or refresh token is consumed: a
 * request refused here can be corrected and sent again. Throws `invalid_scope`, `invalid_target` and `invalid_grant`.
 */
export async function checkTokenRequest(ctx: TokenEndpointGrantContext, catalog: ReadonlySet<string>): Promise<void> {
  const { params, provider, client } = ctx.oidc
  if (params.grant_type === 'client_credentials') return readAppScope(ctx)
  if (params.grant_type === 'authorization_code') await requireRedirectUri(ctx)
  if (params.resource === undefined && params.scope === undefined) return
  const source =
    params.grant_type === 'authorization_code'
      ? await provider.AuthorizationCode.find(String(params['code']))
      : await provider.RefreshToken.find(String(params['refresh_token']))
  if (source?.clientId !== client.clientId) return // the grant type's own checks refuse it
  readRefreshScope(ctx, [...source.scopes], catalog)
  checkTarget(ctx, source)
}

/** A client credentials token has permissions only (RFC 6749 §4.4.2); all of the manifest's if none is named. */
function readAppScope({ oidc: { params, client } }: TokenEndpointGrantContext): void {
  const permissions = scopeNames(client.scope).filter(name => !isStandardScope(name))
  if (params.scope === undefined) {
    if (permissions.length > 0) params.scope = permissions.join(' ')
    return
  }
  const stray = scopeNames(params.scope).find(name => !permissions.includes(name))
  if (stray !== undefined) throw new errors.InvalidScope('requested scope is not a permission of the app', stray)
}

/**
 * A refresh request may repeat the scope of the authorization request (RFC 6749 §6), so it is parsed the same way: unknown
 * names are ignored, and without a permission all granted ones are meant.
 */
function readRefreshScope(
  { oidc: { params, client } }: TokenEndpointGrantContext,
  granted: readonly string[],
  catalog: ReadonlySet<string>,
): void {
  if (params.scope === undefined) return
  const understood = new Set([...granted, ...catalog, ...scopeNames(client.scope)])
  const named = scopeNames(params.scope).filter(name => understood.has(name))
  const asked = named.some(name => !isStandardScope(name))
    ? named
    : [...named, ...granted.filter(name => !isStandardScope(name))]
  // A refresh token implies offline_access, whether or not the authorization request named it.
  params.scope =
    asked.filter(name => name !== 'offline_access' || granted.includes(name)).join(' ') || granted.join(' ')
}

/** A token request may name one resource of its authorization (RFC 8707 §2.2); without any it is for the platform API. */
function checkTarget(
  { oidc: { params, issuer } }: TokenEndpointGrantContext,
  source: { resource?: string | string[] | undefined },
): void {
  const [asked, ...others] = new Set([params.resource ?? []].flat())
  if (asked === undefined) return
  if (others.length > 0) throw new errors.InvalidTarget('a token request can have only one resource')
  const granted = [source.resource ?? []].flat()
  if (granted.length === 0 && asked === apiResource(issuer)) delete params.resource
  else if (!granted.includes(asked)) throw new errors.InvalidTarget('the authorization was not for this resource')
  else params.resource = asked
}

/**
 * Completes the `scope` of a token response (RFC 6749 §5.1). The scope of a token for one resource has permissions only; this
 * adds the scopes for the ID token and refresh token beside it.
 */
export function sayWhatWasGranted(ctx: KoaContextWithOIDC): void {
  const body = ctx.body as { scope?: string; id_token?: string; refresh_token?: string }
  const { params, entities } = ctx.oidc
  const source = entities.AuthorizationCode ?? entities.RefreshToken
  if (!source) return
  const asked = new Set(params?.['scope'] === undefined ? source.scopes : scopeNames(params['scope']))
  const honoured = [
    ...(body.id_token !== undefined && asked.has('openid') ? ['openid'] : []),
    ...(body.refresh_token !== undefined && asked.has('offline_access') ? ['offline_access'] : []),
  ]
  ctx.body = { ...body, scope: [...new Set([...honoured, ...scopeNames(body.scope)])].join(' ') }
}
