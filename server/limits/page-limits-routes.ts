import { type Request, type RequestHandler, type Response, Router } from 'express'
import type { Log } from '../base/log.ts'
import type { RenderPage } from '../http/pages.ts'
import { networkOfClient } from '../http/request.ts'
import { respondPage } from '../http/respond-error.ts'
import type { RateLimits } from './rate-limits.ts'

type LimitCaps = {
  limits: RateLimits
  log: Log
  render: RenderPage
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whose requests are counted together: a person, or an address if nobody is signed in. */
export type CallerOf = (req: Request, res: Response) => string

/** Counts every page and every form before any route sees it, so that no route can be forgotten. */
export function limitPages({ limits }: LimitCaps, callerOf: CallerOf): RequestHandler {
  return async (req, res, next) => {
    await limits.spend([SAFE.has(req.method) ? 'pages' : 'forms', callerOf(req, res)])
    next()
  }
}

/**
 * Limits authorization requests, which are stored before anybody has signed in. A signed-in person has a separate
 * limit, used if their address has none left.
 */
export function authorizeLimitRoutes(deps: LimitCaps, loadSession: RequestHandler, callerOf: CallerOf): Router {
  const { limits, log, render } = deps
  const router = Router()
  router.use('/oauth/authorize', async (req, res, next) => {
    if (await limits.trySpend('authorize', networkOfClient(req))) return next()
    await loadSession(req, res, () => undefined)
    await limits.spend(['authorize', callerOf(req, res)])
    next()
  })
  router.use('/oauth/authorize', respondPage(log, render))
  return router
}
