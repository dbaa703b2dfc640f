import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import type { Database } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { AppError, type Fault } from '../base/errors.ts'
import type { Config } from '../config.ts'
import type { AppBadge } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { faultsOf, parseInput } from '../http/parse.ts'
import { clientAddress, networkOfClient, safeReturn } from '../http/request.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { emailKey, findCredentials } from './account-store.ts'
import type { KnownBrowserCookie } from './known-browser.ts'
import { forgiveSignIn, limitSignIn, type SignInAttempt, spendPassword } from './limit-sign-in.ts'
import { PASSWORD_MAX, type Passwords } from './password.ts'
import type { SessionCookie } from './session-cookie.ts'
import { requireSession, sessionOf, signedIn } from './session-guard.ts'
import { endSession, type Session, startSession, switchAccount } from './sessions.ts'
import type { SignInPage, SignUpPage } from './sign-in-page.ts'
import { signUp } from './sign-up.ts'
import { signUpForm } from './sign-up-form.ts'

type AccountCaps = Caps & {
  config: Config
  database: Database
  limits: RateLimits
  passwords: Passwords
  sessionCookie: SessionCookie
  knownBrowser: KnownBrowserCookie
  render: RenderPage
  publicUrl: string
  /** The app that waits for an answer at an address of ours, and whom it suggests, for the sign-in page on the way there. */
  waitingApp(path: string): Promise<{ badge: AppBadge; loginHint?: string } | undefined>
  /** Forgets the authorization server's own session: it must never outlive or outvote ours. */
  clearProviderCookies(res: Response): void
}

const HOME = '/marketplace'

const typed = z.object({
  email: z.string().trim().max(254).catch(''),
  account_name: z.string().trim().catch(''),
  return_to: z.string().catch(''),
})

const signInForm = z.object({
  email: z.string('Write your email.').trim().min(1, 'Write your email.').max(254, 'Use 254 characters or fewer.'),
  password: z
    .string('Write your password.')
    .min(1, 'Write your password.')
    .max(PASSWORD_MAX, `Use ${PASSWORD_MAX} characters or fewer.`),
})

type Again = NonNullable<SignInPage['again']>

/** Why somebody who is signed in already is asked to sign in. */
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

/** Sign-up, sign-in, sign-out, and looking at another account. */
export function accountRoutes(deps: AccountCaps): Router {
  const { config, database, limits, passwords, sessionCookie } = deps
  const router = Router()

  router.get('/signup', async (req, res) => {
    const waiting = await deps.waitingApp(returnTo(req))
    await showSignUp(req, res, { email: waiting?.loginHint ?? '', accountName: '' }, [])
  })
  router.post('/signup', async (req, res) => {
    if (config.signup !== 'open') throw new AppError('account.signup_closed')
    const values = parseInput(typed, req.body)
    const form = signUpForm.safeParse(req.body ?? {})
    if (!form.success)
      return await showSignUp(req, res, { email: values.email, accountName: values.account_name }, faultsOf(form.error))
    const ip = clientAddress(req)
    const network = networkOfClient(req)
    await limits.spend(['sign_up_address', network])
    await spendPassword(limits)
    const { email, password, account_name: accountName } = form.data
    const passwordHash = await passwords.hash(password, { caller: network, known: false })
    try {
      const { user } = await database.transaction(tx => signUp(tx, deps, { email, passwordHash, accountName, ip }))
      await signInAs(req, res, user.id)
    } catch (error) {
      if (!(error instanceof AppError) || error.faults.length === 0) throw error
      await showSignUp(req, res, { email, accountName }, error.faults)
    }
  })

  router.get('/signin', async (req, res) => {
    const session = sessionOf(res)
    if (session && !againOf(req)) return res.redirect(303, returnTo(req))
    const waiting = await deps.waitingApp(returnTo(req))
    const same = againOf(req) === 'password' ? session?.user.email : undefined
    await showSignIn(req, res, waiting?.loginHint ?? same ?? '', [])
  })
  router.post('/signin', async (req, res) => {
    const values = parseInput(typed, req.body)
    const form = signInForm.safeParse(req.body ?? {})
    if (!form.success) return await showSignIn(req, res, values.email, faultsOf(form.error))
    const { email, password } = form.data
    const { found, attempt } = await attemptOf(req, res, email)
    const waiting = await limitSignIn(limits, attempt)
    if (!(await passwords.check(password, found?.passwordHash, waiting)) || !found) {
      return await showSignIn(req, res, email, [
        { field: 'password', message: 'Email and password do not belong together.' },
      ])
    }
    await forgiveSignIn(limits, attempt)
    await signInAs(req, res, found.user.id)
  })

  router.post('/signout', async (req, res) => {
    const token = sessionCookie.read(req)
    if (token) await database.transaction(tx => endSession(tx, deps, token, clientAddress(req)))
    sessionCookie.clear(res)
    deps.clearProviderCookies(res)
    res.redirect(303, '/signin')
  })

  router.post('/account', requireSession, async (req, res) => {
    const { account, return_to } = parseInput(
      z.object({ account: z.string(), return_to: z.string().optional() }),
      req.body,
    )
    await database.transaction(tx => switchAccount(tx, signedIn(res), account))
    res.redirect(303, safeReturn(return_to, config.publicUrl, '/apps'))
  })

  /** Who is meant, and whether they have signed in with this browser before. */
  async function attemptOf(
    req: Request,
    res: Response,
    email: string,
  ): Promise<{ found: Awaited<ReturnType<typeof findCredentials>>; attempt: SignInAttempt }> {
    const network = networkOfClient(req)
    const session = sessionOf(res)
    const browsers = deps.knownBrowser.read(req)
    if (session) browsers.push({ userId: session.user.id, nonce: session.id })
    if (browsers.length === 0) limits.requireLeft('sign_in_address', network)
    const found = await database.look(tx => findCredentials(tx, email))
    const known = browsers.find(({ userId }) => userId === found?.user.id)
    return { found, attempt: { network, email: emailKey(email), known } }
  }

  async function signInAs(req: Request, res: Response, userId: string): Promise<void> {
    const { token } = await database.transaction(tx =>
      startSession(tx, deps, {
        userId,
        ip: clientAddress(req),
        userAgent: req.get('user-agent') ?? '',
        previousToken: sessionCookie.read(req),
      }),
    )
    sessionCookie.write(res, token)
    deps.knownBrowser.write(req, res, userId)
    deps.clearProviderCookies(res)
    res.redirect(303, returnTo(req))
  }

  function returnTo(req: Request): string {
    const body: unknown = req.body?.return_to
    return safeReturn(body ?? req.query['return_to'], config.publicUrl, HOME)
  }

  /** Where the person goes on to, and the app that waits there. */
  async function destination(req: Request): Promise<Pick<SignInPage, 'returnTo' | 'waiting'>> {
    const waiting = await deps.waitingApp(returnTo(req))
    return { returnTo: returnTo(req), ...(waiting && { waiting: waiting.badge }) }
  }

  async function showSignUp(req: Request, res: Response, values: SignUpPage['values'], faults: Fault[]): Promise<void> {
    const page: SignUpPage = { values, faults, ...(await destination(req)), open: config.signup === 'open' }
    deps.render(req, res, 'sign-up', { title: 'Create your account', status: faults.length > 0 ? 422 : 200 }, page)
  }

  async function showSignIn(req: Request, res: Response, email: string, faults: Fault[]): Promise<void> {
    const onward = await destination(req)
    const again = sessionOf(res) && againOf(req)
    const page: SignInPage = { values: { email }, faults, ...onward, ...askedAgain(again, sessionOf(res), onward) }
    deps.render(
      req,
      res,
      'sign-in',
      { title: `Sign in to ${config.brand.name}`, status: faults.length > 0 ? 422 : 200 },
      page,
    )
  }

  return router
}
