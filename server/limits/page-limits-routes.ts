import { type Request, type RequestHandler, type Response, Router } from 'express'
import { networkOfClient, sessionOf } from '../accounts/session-guard.ts'
import type { Deps } from '../deps.ts'
import { respondPage } from '../http/respond-error.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Counts every page and every form before any route sees it, so that no route can be forgotten. */
export function limitPages({ limits }: Pick<Deps, 'limits'>): RequestHandler {
  return async (req, res, next) => {
    await limits.spend([SAFE.has(req.method) ? 'pages' : 'forms', callerOf(req, res)])
    next()
  }
}

/**
 * Authorization requests, which are written down before anybody has signed in. Whoever is signed in has tries of their own
 * where their address has none left.
 */
export function authorizeLimitRoutes(deps: Deps, loadSession: RequestHandler): Router {
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

/** The person who is signed in, or else the address as limits count it. */
function callerOf(req: Request, res: Response): string {
  return sessionOf(res)?.user.id ?? networkOfClient(req)
}
