import type { Request, Response } from 'express'
import { z } from 'zod'
import type { Database } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import type { Fault } from '../base/errors.ts'
import type { Config } from '../config.ts'
import type { AppBadge } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { faultsOf, parseInput } from '../http/parse.ts'
import { clientAddress, networkOfClient, safeReturn } from '../http/request.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { joinWithoutAccount } from './accept-invitation.ts'
import { emailKey, findCredentials, noteFirstSignIn } from './account-store.ts'
import type { KnownBrowserCookie } from './known-browser.ts'
import { forgiveSignIn, limitSignIn, type SignInAttempt } from './limit-sign-in.ts'
import { PASSWORD_MAX, type Passwords } from './password.ts'
import { writeOfSignIn } from './security-letters.ts'
import type { SessionCookie } from './session-cookie.ts'
import { sessionOf } from './session-guard.ts'
import { type Session, startSession } from './sessions.ts'
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

const signInForm = z.object({
  email: z.string('Write your email.').trim().min(1, 'Write your email.').max(254, 'Use 254 characters or fewer.'),
  password: z
    .string('Write your password.')
    .min(1, 'Write your password.')
    .max(PASSWORD_MAX, `Use ${PASSWORD_MAX} characters or fewer.`),
})

type Again = NonNullable<SignInPage['again']>

/** Shows the sign-in form; a signed-in person continues unless they must sign in again. */
export async function askToSignIn(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const session = sessionOf(res)
  if (session && !againOf(req)) return res.redirect(303, returnTo(caps, req))
  const waiting = await caps.waitingApp(returnTo(caps, req))
  const same = againOf(req) === 'password' ? session?.user.email : undefined
  await showSignIn(caps, req, res, waiting?.loginHint ?? same ?? '', [])
}

/** Checks email and password and starts a session, or shows the form with its faults. */
export async function signInByForm(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const values = parseInput(typedForm, req.body)
  const form = signInForm.safeParse(req.body ?? {})
  if (!form.success) return await showSignIn(caps, req, res, values.email, faultsOf(form.error))
  const { email, password } = form.data
  const { found, attempt } = await attemptOf(caps, req, res, email)
  const waiting = await limitSignIn(caps.limits, attempt)
  if (!(await caps.passwords.check(password, found?.passwordHash, waiting)) || !found) {
    return await showSignIn(caps, req, res, email, [{ field: 'password', message: 'Email or password is wrong.' }])
  }
  await forgiveSignIn(caps.limits, attempt)
  await signInAs(caps, req, res, found.user.id)
}

/** The person with this email, and whether they have signed in with this browser before. */
async function attemptOf(
  caps: AccountCaps,
  req: Request,
  res: Response,
  email: string,
): Promise<{ found: Awaited<ReturnType<typeof findCredentials>>; attempt: SignInAttempt }> {
  const network = networkOfClient(req)
  const session = sessionOf(res)
  const browsers = caps.knownBrowser.read(req)
  if (session) browsers.push({ userId: session.user.id, nonce: session.id })
  if (browsers.length === 0) caps.limits.requireLeft('sign_in_address', network)
  const found = await caps.database.look(tx => findCredentials(tx, email))
  const known = browsers.find(({ userId }) => userId === found?.user.id)
  return { found, attempt: { network, email: emailKey(email), known } }
}

async function showSignIn(
  caps: AccountCaps,
  req: Request,
  res: Response,
  email: string,
  faults: Fault[],
): Promise<void> {
  const onward = await destination(caps, req)
  const again = sessionOf(res) && againOf(req)
  const page: SignInPage = { values: { email }, faults, ...onward, ...askedAgain(again, sessionOf(res), onward) }
  caps.render(
    req,
    res,
    'sign-in',
    { title: `Sign in to ${caps.config.brand.name}`, status: faults.length > 0 ? 422 : 200 },
    page,
  )
}

/** Why a person who is signed in must sign in again. */
function againOf(req: Request): Again | undefined {
  const again: unknown = req.body?.again ?? req.query['again']
  return again === 'password' || again === 'choice' ? again : undefined
}

function askedAgain(
  again: Again | undefined,
  session: Session | undefined,
  { returnTo, waiting }: Pick<SignInPage, 'returnTo' | 'waiting'>,
): Pick<SignInPage, 'lede' | 'again' | 'goOn'> {
  const who = waiting?.name ?? 'What you came for'
  if (!again || !session) return { lede: 'Then you go on to what you came for.' }
  if (again === 'password') return { again, lede: `${who} asks for your password again. Then you go on.` }
  const { id, email } = session.user
  const href = `${returnTo}${returnTo.includes('?') ? '&' : '?'}as=${id}`
  return { again, lede: `${who} asks who you are.`, goOn: { href, email } }
}
