import { parseCookie } from 'cookie'
import type { Request, RequestHandler, Response } from 'express'
import type { Database } from '../../db/connect.ts'
import { networkOf, plainAddress } from '../base/addresses.ts'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { type IdPrefix, isId } from '../base/ids.ts'
import { findSession, SESSION_LIFE, type Session } from './sessions.ts'

/** The sign-in cookie. `secure` adds the `__Host-` prefix, so that no sibling host can plant one (RFC 6265bis §4.1.3.2). */
export type SessionCookie = {
  read(req: Request): string | undefined
  write(res: Response, token: string): void
  clear(res: Response): void
}

export function createSessionCookie(publicUrl: string): SessionCookie {
  const secure = publicUrl.startsWith('https:')
  const name = secure ? '__Host-latchkey' : 'latchkey'
  const options = { httpOnly: true, sameSite: 'lax', path: '/', secure } as const
  return {
    read: req => parseCookie(req.headers.cookie ?? '')[name],
    write: (res, token) => void res.cookie(name, token, { ...options, maxAge: SESSION_LIFE }),
    clear: res => void res.clearCookie(name, options),
  }
}

/** Finds out who asks; everyone may pass. */
export function loadSession(database: Database, clock: Clock, cookie: SessionCookie): RequestHandler {
  return async (req, res, next) => {
    const token = cookie.read(req)
    if (token) res.locals['session'] = await database.read(tx => findSession(tx, { clock }, token, clientAddress(req)))
    next()
  }
}

/** The address of the caller, as TRUST_PROXY lets Express see it. */
export function clientAddress(req: Request): string {
  return plainAddress(req.ip ?? '')
}

/** The address of the caller as limits count it. */
export function networkOfClient(req: Request): string {
  return networkOf(clientAddress(req))
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

/** Leads strangers to the sign-in page and back; what they tried to send is not kept. */
export const requireSession: RequestHandler = (req, res, next) => {
  if (sessionOf(res)) return next()
  const back = req.method === 'GET' ? req.originalUrl : '/apps'
  res.redirect(303, `/signin?return_to=${encodeURIComponent(back)}`)
}

/** A path of this origin, from a form or a query; anything else becomes `fallback`. */
export function safeReturn(value: unknown, publicUrl: string, fallback: string): string {
  if (typeof value !== 'string' || !value.startsWith('/') || value.length > 2_000) return fallback
  if (!URL.canParse(value, publicUrl)) return fallback
  const url = new URL(value, publicUrl)
  // `/.//host` is a path of this origin whose normal form, `//host`, leads away from it.
  const stays = url.origin === publicUrl && !url.pathname.startsWith('//')
  return stays ? url.pathname + url.search : fallback
}

/** Who acts, for the activity log. */
export function actorOf(session: Session): { type: 'user'; id: string; ip: string } {
  return { type: 'user', id: session.user.id, ip: session.ip }
}

/** An identifier in the path. Nonsense is answered like a stranger's: throws `object.not_found`. */
export function idParam(req: Request, name: string, prefix: IdPrefix): string {
  const id = req.params[name]
  if (!isId(prefix, id)) throw new AppError('object.not_found')
  return id
}
