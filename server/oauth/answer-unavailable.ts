import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import { AWAY_RETRY_SECONDS, DatabaseAway } from '../base/errors.ts'

const UNAVAILABLE = {
  error: 'temporarily_unavailable',
  error_description: 'the server is unavailable; repeat the request later',
}

/**
 * Responds 503 with `Retry-After` while the database is away, instead of the 500 that oidc-provider makes of any
 * unknown error. Call it before any other `provider.use`. A redirect to the client carries `server_error`, because it
 * cannot carry a status (RFC 6749 §4.1.2.1).
 */
export function answerUnavailable(provider: Provider): void {
  const away = new WeakSet<object>()
  provider.on('server_error', (ctx: KoaContextWithOIDC, error) => {
    if (error instanceof DatabaseAway) away.add(ctx.req)
  })
  provider.use(async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      if (!(error instanceof DatabaseAway)) throw error
      away.add(ctx.req)
      ctx.status = 500
      ctx.body = UNAVAILABLE
    }
    if (!away.has(ctx.req) || ctx.status < 500) return
    const page = typeof ctx.body === 'string' // made by `renderError`
    ctx.status = 503
    if (!page) ctx.body = UNAVAILABLE
    ctx.set({ 'Retry-After': String(AWAY_RETRY_SECONDS), 'Cache-Control': 'no-store' })
  })
}
