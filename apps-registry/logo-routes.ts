import { Router } from 'express'
import { accountIdsOf, loadSession, sessionOf } from '../server/accounts/session-guard.ts'
import { AppError } from '../server/base/errors.ts'
import { isId } from '../server/base/ids.ts'
import type { Deps } from '../server/deps.ts'
import { findLogo } from './find-app.ts'

/** The marks of apps, served as inert images: an SVG from a platform must never run or load anything here. */
export function logoRoutes({ database, clock, sessionCookie }: Deps): Router {
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
