import { Router } from 'express'
import { AWAY_RETRY_SECONDS } from '../base/errors.ts'
import type { Deps } from '../deps.ts'

/** Liveness and readiness (WIRE "Pages"). */
export function healthRoutes({ database, log }: Deps): Router {
  const router = Router()
  router.get('/healthz', (_req, res) => res.json({ status: 'ok' }))
  router.get('/readyz', async (_req, res) => {
    try {
      const pending = await database.pendingMigrations()
      if (pending.length > 0) {
        log.warn({ pending }, 'not ready: migrations are pending')
        res.status(503).json({ status: 'unavailable', migrations: 'pending' })
      } else res.json({ status: 'ok' })
    } catch (error) {
      log.warn({ err: error }, 'not ready: the database does not answer')
      res
        .status(503)
        .set('Retry-After', String(AWAY_RETRY_SECONDS))
        .json({ status: 'unavailable', database: 'no answer' })
    }
  })
  return router
}
