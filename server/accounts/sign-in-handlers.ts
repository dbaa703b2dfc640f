import type { Request, Response } from 'express'
import { z } from 'zod'
import type { Database, Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import type { Config } from '../config.ts'
import type { OutwardPages } from '../http/outward-pages.ts'
import type { AppBadge } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { clientAddress, safeReturn } from '../http/request.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { joinWithoutAccount } from './accept-invitation.ts'
import { noteFirstSignIn } from './account-store.ts'
import type { HandOverCookie } from './hand-over-cookie.ts'
import type { IdentityCookie } from './identity-cookie.ts'
import type { IdentityProvider } from './identity-provider.ts'
import type { KnownBrowserCookie } from './known-browser.ts'
import type { Passwords } from './password.ts'
import { writeOfSignIn } from './security-letters.ts'
import type { SessionCookie } from './session-cookie.ts'
import { type StartSession, startSession } from './sessions.ts'
import type { SignInPage } from './sign-in-page.ts'

/** What the pages that sign people in work with. */
export type AccountCaps = Caps & {
  config: Config
  database: Database
  limits: RateLimits
  passwords: Passwords
  sessionCookie: SessionCookie
  knownBrowser: KnownBrowserCookie
  handOverCookie: HandOverCookie
  identityCookie: IdentityCookie
  render: RenderPage
  publicUrl: string
  outwardPages: OutwardPages
  /** The operator's OpenID provider, where there is one. */
  identity: IdentityProvider | undefined
  /** The app whose authorization request waits at a path, and its `login_hint`, for the sign-in page. */
  waitingApp(path: string): Promise<{ badge: AppBadge; loginHint?: string } | undefined>
  /** Forgets the authorization server's own session: it must never outlive or outvote ours. */
  clearProviderCookies(res: Response): void
}

export const HOME = '/marketplace'

type SignedIn = {
  to?: string | undefined
  /** Runs in the same transaction, first. */
  also?: (tx: Tx) => Promise<void>
  /** Whether the person proved who they are at the operator's, which then writes of new devices. */
  elsewhere?: boolean
} & Pick<StartSession, 'authenticatedAt' | 'accountId'>

/** Starts a session of the user in this browser and redirects to `to`, by default where the person came from. */
export async function signInAs(
  caps: AccountCaps,
  req: Request,
  res: Response,
  userId: string,
  { to = returnTo(caps, req), also, elsewhere = false, ...how }: SignedIn = {},
): Promise<void> {
  const userAgent = req.get('user-agent') ?? ''
  const ip = clientAddress(req)
  const known = elsewhere || caps.knownBrowser.read(req).some(mark => mark.userId === userId)
  const { token, joined } = await caps.database.transaction(async tx => {
    await also?.(tx)
    const joined = await joinWithoutAccount(tx, caps, { path: to, userId, ip })
    if (!(await noteFirstSignIn(tx, userId, caps.clock.now())) && !known)
      await writeOfSignIn(tx, caps, { userId, ip, userAgent })
    const life = caps.config.sessionLife
    const previousToken = caps.sessionCookie.read(req)
    return { ...(await startSession(tx, caps, { userId, ip, userAgent, life, previousToken, ...how })), joined }
  })
  caps.sessionCookie.write(res, token)
  caps.knownBrowser.write(req, res, userId)
  caps.clearProviderCookies(res)
  res.redirect(303, joined ? '/apps' : to)
}

/** The path to which the person continues: never an address outside of this server. */
export function returnTo(caps: AccountCaps, req: Request): string {
  const body: unknown = req.body?.return_to
  return safeReturn(body ?? req.query['return_to'], caps.config.publicUrl, HOME)
}

/** Throws `account.no_passwords` where PASSWORDS is off. */
export function requirePasswords({ config }: AccountCaps): void {
  if (config.people.passwords) return
  throw new AppError('account.no_passwords', { detail: 'Nothing was changed. Sign in the way your company does.' })
}

export type Again = 'password' | 'choice'

/** Why somebody who is signed in already is asked to sign in. */
export function againOf(req: Request): Again | undefined {
  const again: unknown = req.body?.again ?? req.query['again']
  return again === 'password' || again === 'choice' ? again : undefined
}

/** The input of the sign-up and sign-in forms as typed, valid or not. */
export const typedForm = z.object({
  email: z.string().trim().max(254).catch(''),
  account_name: z.string().trim().catch(''),
  return_to: z.string().catch(''),
})

/** Where the person continues, and the app that waits there. */
export async function destination(caps: AccountCaps, req: Request): Promise<Pick<SignInPage, 'returnTo' | 'waiting'>> {
  const waiting = await caps.waitingApp(returnTo(caps, req))
  return { returnTo: returnTo(caps, req), ...(waiting && { waiting: waiting.badge }) }
}
