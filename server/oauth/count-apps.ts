import type { Provider } from 'oidc-provider'
import { currentRequest } from './request-context.ts'

/** Counts every successful response for its app. */
export function countApps(provider: Provider): void {
  provider.use(async (ctx, next) => {
    await next()
    const appId = ctx['oidc']?.entities?.Client?.clientId
    if (appId !== undefined && ctx.status < 400) await currentRequest()?.meter?.proven(appId)
  })
}
