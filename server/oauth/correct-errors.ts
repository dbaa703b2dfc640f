import type { KoaContextWithOIDC, Provider } from 'oidc-provider'

/** Endpoints at which a client authenticates; all of them accept POST only. */
const ROUTES: Record<string, string> = {
  token: '/oauth/token',
  pushed_authorization_request: '/oauth/par',
  revocation: '/oauth/revoke',
  introspection: '/oauth/introspect',
}

/** Corrects error codes for which oidc-provider uses `invalid_request` and the RFCs another one. */
export function correctErrors(provider: Provider): void {
  provider.use(async (ctx, next) => {
    await next()
    if (ctx.status === 404 && Object.values(ROUTES).includes(ctx.path) && ctx.method !== 'OPTIONS') {
      ctx.status = 405
      ctx.set('Allow', 'POST')
      ctx.body = { error: 'invalid_request', error_description: 'only POST is supported' }
      return
    }
    const body = ctx.body as { error?: string } | undefined
    if (ctx.status === 400 && body?.error === 'invalid_request') {
      const error = fittingError(ctx as unknown as KoaContextWithOIDC)
      if (error) ctx.body = { ...body, error }
      if (error === 'invalid_client') ctx.status = 401
    }
    // RFC 9110 §15.5.2: a 401 names a way to authenticate.
    if (ctx.status === 401 && ctx['oidc']?.route in ROUTES && !ctx.response.get('WWW-Authenticate'))
      ctx.set('WWW-Authenticate', `Basic realm="${provider.issuer}"`)
  })
}

function fittingError({ oidc, headers }: KoaContextWithOIDC): string | undefined {
  if (!oidc) return undefined
  if (oidc.route in ROUTES && oidc.entities.Client === undefined)
    return failsToAuthenticate(oidc, headers.authorization) ? 'invalid_client' : undefined
  switch (oidc.route) {
    case 'registration': // RFC 7591 §3.2.2
    case 'client_update': // RFC 7592 §2.2
      return 'invalid_client_metadata'
    case 'token': {
      const grantType = oidc.params?.['grant_type']
      const known = typeof grantType === 'string'
      return known && !oidc.entities.Client?.grantTypeAllowed(grantType) ? 'unauthorized_client' : undefined // RFC 6749 §5.2
    }
    default:
      return undefined
  }
}

/**
 * A request that names no client, or whose credentials cannot be read, fails to authenticate (RFC 6749 §5.2, RFC 7521
 * §4.2.1). It is `invalid_request` only where the request itself is at fault: its body cannot be read, a parameter is
 * repeated or missing, or there are several credentials.
 */
function failsToAuthenticate({ body, params }: KoaContextWithOIDC['oidc'], authorization: string | undefined): boolean {
  if (!body || !params) return false
  const names = ['client_id', 'client_secret', 'client_assertion', 'client_assertion_type']
  if (names.some(name => Array.isArray(body[name]))) return false
  const { client_secret: secret, client_assertion: assertion, client_assertion_type: type } = params
  if ([authorization, secret, assertion].filter(Boolean).length > 1) return false
  return assertion === undefined || type !== undefined
}
