import type { Provider } from 'oidc-provider'

/** Removes metadata that oidc-provider lists though it is unused: ID tokens here name no session. */
export function correctMetadata(provider: Provider): void {
  provider.use(async (ctx, next) => {
    await next()
    if (ctx['oidc']?.route !== 'discovery' || ctx.status !== 200) return
    const body = ctx.body as { claims_supported: string[] }
    ctx.body = { ...body, claims_supported: body.claims_supported.filter(claim => claim !== 'sid') }
  })
}
