import { Router } from 'express'
import type { Database } from '../db/connect.ts'
import type { SessionCookie } from '../server/accounts/session-cookie.ts'
import { accountIdsOf, loadSession, sessionOf } from '../server/accounts/session-guard.ts'
import type { Clock } from '../server/base/clock.ts'
import { AppError } from '../server/base/errors.ts'
import { isId } from '../server/base/ids.ts'
import { findLogo } from './find-app.ts'

type LogoCaps = {
  database: Database
  clock: Clock
  sessionCookie: SessionCookie
}

/** The logos of apps, served as inert images: an SVG from a platform must never run or load anything here. */
export function logoRoutes({ database, clock, sessionCookie }: LogoCaps): Router {
  const router = Router()
  router.get('/logos/:app', loadSession(database, clock, sessionCookie), async (req, res) => {
    const app = String(req.params['app'])
    if (!isId('app', app)) throw new AppError('object.not_found')
    const logo = await database.read(tx => findLogo(tx, app, accountIdsOf(sessionOf(res))))
    res
      .set('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox")
      .set('Cache-Control', logo.public ? 'public, max-age=3600' : 'private, no-store')
    res.type(logo.type).send(logo.bytes)
  })
  return router
}
