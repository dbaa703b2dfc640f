import { parseCookie } from 'cookie'
import type { Request, Response } from 'express'

/** The sign-in cookie. `secure` adds the `__Host-` prefix, so that no sibling host can plant one (RFC 6265bis §4.1.3.2). */
export type SessionCookie = {
  read(req: Request): string | undefined
  write(res: Response, token: string): void
  clear(res: Response): void
}

/** `maxAge`: the longest life of a session, in milliseconds. */
export function createSessionCookie(publicUrl: string, maxAge: number): SessionCookie {
  const secure = publicUrl.startsWith('https:')
  const name = secure ? '__Host-latchkey' : 'latchkey'
  const options = { httpOnly: true, sameSite: 'lax', path: '/', secure } as const
  return {
    read: req => parseCookie(req.headers.cookie ?? '')[name],
    write: (res, token) => void res.cookie(name, token, { ...options, maxAge }),
    clear: res => void res.clearCookie(name, options),
  }
}
