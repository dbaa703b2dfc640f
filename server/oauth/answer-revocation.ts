import type { Provider } from 'oidc-provider'

/**
 * Responds to a revocation with an empty JSON object: clients ignore the body (RFC 7009 §2.2), but some parse it first.
 */
export function answerRevocation(provider: Provider): void {
  provider.use(async (ctx, next) => {
    await next()
    if (ctx['oidc']?.route === 'revocation' && ctx.status === 200) ctx.body = {}
  })
}
