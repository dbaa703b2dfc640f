import type { Request, Response } from 'express'
import { z } from 'zod'
import type { Database } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import type { Config } from '../config.ts'
import type { AppBadge } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { clientAddress, safeReturn } from '../http/request.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { joinWithoutAccount } from './accept-invitation.ts'
import { noteFirstSignIn } from './account-store.ts'
import type { KnownBrowserCookie } from './known-browser.ts'
import type { Passwords } from './password.ts'
import { writeOfSignIn } from './security-letters.ts'
import type { SessionCookie } from './session-cookie.ts'
import { startSession } from './sessions.ts'
import type { SignInPage } from './sign-in-page.ts'

export type AccountCaps = Caps & {
  config: Config
  database: Database
  limits: RateLimits
  passwords: Passwords
  sessionCookie: SessionCookie
  knownBrowser: KnownBrowserCookie
  render: RenderPage
  publicUrl: string
  /** The app whose authorization request waits at a path, and its `login_hint`, for the sign-in page. */
  waitingApp(path: string): Promise<{ badge: AppBadge; loginHint?: string } | undefined>
  /** Clears the authorization server's own session, which must never outlive ours. */
  clearProviderCookies(res: Response): void
}

const HOME = '/marketplace'

/** The input of the sign-up and sign-in forms as typed, valid or not. */
export const typedForm = z.object({
  email: z.string().trim().max(254).catch(''),
  account_name: z.string().trim().catch(''),
  return_to: z.string().catch(''),
})

/** Starts a session of the user in this browser and redirects to where the person came from. */
export async function signInAs(
  caps: AccountCaps,
  req: Request,
  res: Response,
  userId: string,
  onward = returnTo(caps, req),
): Promise<void> {
  const userAgent = req.get('user-agent') ?? ''
  const ip = clientAddress(req)
  const known = caps.knownBrowser.read(req).some(mark => mark.userId === userId)
  const { token, joined } = await caps.database.transaction(async tx => {
    const joined = await joinWithoutAccount(tx, caps, { path: onward, userId, ip })
    if (!(await noteFirstSignIn(tx, userId, caps.clock.now())) && !known)
      await writeOfSignIn(tx, caps, { userId, ip, userAgent })
    const life = caps.config.sessionLife
    const previousToken = caps.sessionCookie.read(req)
    return { ...(await startSession(tx, caps, { userId, ip, userAgent, life, previousToken })), joined }
  })
  caps.sessionCookie.write(res, token)
  caps.knownBrowser.write(req, res, userId)
  caps.clearProviderCookies(res)
  res.redirect(303, joined ? '/apps' : onward)
}

/** The path to which the person continues: never an address outside of this server. */
export function returnTo(caps: AccountCaps, req: Request): string {
  const body: unknown = req.body?.return_to
  return safeReturn(body ?? req.query['return_to'], caps.config.publicUrl, HOME)
}

/** Where the person continues, and the app that waits there. */
export async function destination(caps: AccountCaps, req: Request): Promise<Pick<SignInPage, 'returnTo' | 'waiting'>> {
  const waiting = await caps.waitingApp(returnTo(caps, req))
  return { returnTo: returnTo(caps, req), ...(waiting && { waiting: waiting.badge }) }
}
