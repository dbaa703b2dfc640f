import type { Request, RequestHandler, Response } from 'express'
import type { Database } from '../../db/connect.ts'
import type { Member } from '../audit/actor.ts'
import type { Clock } from '../base/clock.ts'
import { AppError, DatabaseAway } from '../base/errors.ts'
import { capitalised } from '../http/format.ts'
import { clientAddress, networkOfClient } from '../http/request.ts'
import { setViewer, type Viewer } from '../http/viewer.ts'
import type { SessionCookie } from './session-cookie.ts'
import { findSession, type Session, touchSession } from './sessions.ts'

/** Loads the session of the caller, if there is one; anonymous callers pass. */
export function loadSession(database: Database, clock: Clock, cookie: SessionCookie): RequestHandler {
  return async (req, res, next) => {
    const token = cookie.read(req)
    const session = token && (await database.look(tx => findSession(tx, { clock }, token, clientAddress(req))))
    if (session) {
      await touchSession(database, session, clock.now()).catch(ignoreAway)
      res.locals['session'] = session
      setViewer(res, () => toViewer(session))
    }
    next()
  }
}

/** Pages are shown while the database accepts no writes. */
function ignoreAway(error: unknown): void {
  if (!(error instanceof DatabaseAway)) throw error
}

export function sessionOf(res: Response): Session | undefined {
  return res.locals['session'] as Session | undefined
}

/** The accounts that the person is a member of; none without a session. */
export function accountIdsOf(session: Session | undefined): string[] {
  return session?.memberships.map(({ account }) => account.id) ?? []
}

/** The session of a route behind `requireSession`. */
export function signedIn(res: Response): Session {
  const session = sessionOf(res)
  if (!session) throw new AppError('access.unauthorized')
  return session
}

/** Forms that post to their own address: an app waits for the response. */
const ASKS_AGAIN = /^\/interaction\//

/** Redirects anonymous callers to sign-in and back; what they submitted is not kept. */
export const requireSession: RequestHandler = (req, res, next) => {
  if (sessionOf(res)) return next()
  const back = req.method === 'GET' || ASKS_AGAIN.test(req.path) ? req.originalUrl : '/apps'
  res.redirect(303, `/signin?return_to=${encodeURIComponent(back)}`)
}

/** The actor on a page behind `requireSession`, in the current account. */
export function memberOf(res: Response): Member {
  const { user, current, ip } = signedIn(res)
  return { type: 'user', id: user.id, ip, accountId: current.account.id }
}

/** The caller that a limit counts: the signed-in person, or else the address as limits count it. */
export function callerOf(req: Request, res: Response): string {
  return sessionOf(res)?.user.id ?? networkOfClient(req)
}

function toViewer(session: Session): Viewer {
  const brief = ({ account }: Session['current']) => ({
    id: account.id,
    name: account.name,
    initial: (Array.from(account.name.trim())[0] ?? '?').toUpperCase(),
  })
  return {
    email: session.user.email,
    initials: session.user.email.slice(0, 2).toUpperCase(),
    account: { ...brief(session.current), role: capitalised(session.current.role) },
    accounts: session.memberships.map(brief),
  }
}
