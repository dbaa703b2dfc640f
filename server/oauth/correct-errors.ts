import type { KoaContextWithOIDC, Provider } from 'oidc-provider'

/** Error codes that the RFCs and WIRE name otherwise than oidc-provider, which says `invalid_request` to all of them. */
export function correctErrors(provider: Provider): void {
  provider.use(async (ctx, next) => {
    await next()
    const body = ctx.body as { error?: string } | undefined
    if (ctx.status !== 400 || body?.error !== 'invalid_request') return
    const error = fittingError(ctx as unknown as KoaContextWithOIDC)
    if (error) ctx.body = { ...body, error }
  })
}

function fittingError({ oidc }: KoaContextWithOIDC): string | undefined {
  switch (oidc?.route) {
    case 'registration': // RFC 7591 §3.2.2
    case 'client_update': // RFC 7592 §2.2
      return 'invalid_client_metadata'
    case 'token': {
      const grantType = oidc.params?.['grant_type']
      const known = typeof grantType === 'string' && oidc.entities.Client !== undefined
      return known && !oidc.entities.Client?.grantTypeAllowed(grantType) ? 'unauthorized_client' : undefined // RFC 6749 §5.2
    }
    default:
      return undefined
  }
}
