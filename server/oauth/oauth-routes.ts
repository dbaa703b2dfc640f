import express, { type Request, Router } from 'express'
import type { Provider } from 'oidc-provider'
import type { Database } from '../../db/connect.ts'
import type { SessionCookie } from '../accounts/session-cookie.ts'
import { accountIdsOf, loadSession, sessionOf } from '../accounts/session-guard.ts'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config.ts'
import type { RenderPage } from '../http/pages.ts'
import { refuseOddAddress } from '../http/refuse-odd-input.ts'
import { clientAddress, networkOfClient } from '../http/request.ts'
import { respondOAuth, respondPage } from '../http/respond-error.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { createAppMeter } from './app-meter.ts'
import { runWithRequest } from './request-context.ts'

type OAuthCaps = {
  config: Config
  database: Database
  clock: Clock
  limits: RateLimits
  sessionCookie: SessionCookie
  log: Log
  render: RenderPage
  serveOAuth: ReturnType<Provider['callback']>
}

/** The endpoint for browsers, not for authenticated clients. */
const AUTHORIZATION = /^\/oauth\/authorize(?:\/|$)/i

/**
 * A posted authorization request (OpenID Connect Core §3.1.2.1) continues as a GET: a browser sends no SameSite cookies
 * with a cross-site POST, so only the GET has the session.
 */
const readPostedRequest = express.text({ type: 'application/x-www-form-urlencoded', limit: '64kb' })

/** The longest URL of a posted request that continues as a GET: Node's limit, less the other headers. */
const LONGEST_ADDRESS = 12_000

/** The authorization server under /oauth and /.well-known. It reads its own bodies and must come last. */
export function oauthRoutes(deps: OAuthCaps): Router {
  const { config, limits, database, clock, sessionCookie } = deps
  const issuer = new URL(config.publicUrl)
  const router = Router()

  router.use(['/oauth', '/.well-known'], refuseOddAddress)
  router.post('/oauth/register', async (req, _res, next) => {
    await limits.spend(['register', networkOfClient(req)])
    next()
  })
  router.post('/oauth/authorize', readPostedRequest, (req, res) => {
    const address = `/oauth/authorize?${new URLSearchParams(typeof req.body === 'string' ? req.body : '')}`
    if (address.length > LONGEST_ADDRESS) throw new AppError('request.too_large')
    res.redirect(303, address)
  })
  router.use('/oauth/authorize', loadSession(database, clock, sessionCookie))
  router.use('/oauth', async (req, _res, next) => {
    if (isMetered(req)) await limits.spend(['oauth_address', networkOfClient(req)])
    next()
  })
  router.use((req, res, next) => {
    if (!req.path.startsWith('/oauth/') && !req.path.startsWith('/.well-known/')) return next()
    // Printed URLs derive from PUBLIC_URL, never from the Host of the request (docs/wire.md#conventions).
    req.headers.host = issuer.host
    req.headers['x-forwarded-proto'] = issuer.protocol.slice(0, -1)
    delete req.headers['x-forwarded-host']
    if (req.path === '/.well-known/oauth-authorization-server') req.url = '/.well-known/openid-configuration' // RFC 8414 §3
    const session = sessionOf(res)
    const viewer = AUTHORIZATION.test(req.path) ? { accountIds: accountIdsOf(session) } : undefined
    const network = networkOfClient(req)
    const meter = createAppMeter(limits, network, seconds => void res.set('Retry-After', String(seconds)))
    const context = { ip: clientAddress(req), session, ...(viewer && { viewer }), ...(isMetered(req) && { meter }) }
    runWithRequest(context, () => deps.serveOAuth(req, res))
  })
  router.use('/oauth/authorize', respondPage(deps.log, deps.render)) // a browser shows what it gets
  router.use(respondOAuth(deps.log))
  return router
}

/** Counts neither documents that are the same for all callers, nor authorization requests, which come from people. */
function isMetered({ method, originalUrl }: Request): boolean {
  return method !== 'OPTIONS' && !/^\/(?:\.well-known\/|oauth\/(?:jwks|authorize)(?:[/?]|$))/.test(originalUrl)
}
