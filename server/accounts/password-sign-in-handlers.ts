import type { Request, Response } from 'express'
import { z } from 'zod'
import type { Fault } from '../base/errors.ts'
import { faultsOf, parseInput } from '../http/parse.ts'
import { networkOfClient } from '../http/request.ts'
import { emailKey, findCredentials } from './account-store.ts'
import { handOver } from './hand-over-handlers.ts'
import { forgiveSignIn, limitSignIn, type SignInAttempt } from './limit-sign-in.ts'
import { PASSWORD_MAX } from './password.ts'
import { sealPendingSignIn } from './pending-sign-in.ts'
import { hasSecondFactor } from './second-factor.ts'
import { showSecondFactor } from './second-factor-handlers.ts'
import { sessionOf } from './session-guard.ts'
import type { Session } from './sessions.ts'
import {
  type AccountCaps,
  type Again,
  againOf,
  destination,
  requirePasswords,
  returnTo,
  signInAs,
  typedForm,
} from './sign-in-handlers.ts'
import type { SignInPage } from './sign-in-page.ts'

const signInForm = z.object({
  email: z.string('Write your email.').trim().min(1, 'Write your email.').max(254, 'Use 254 characters or fewer.'),
  password: z
    .string('Write your password.')
    .min(1, 'Write your password.')
    .max(PASSWORD_MAX, `Use ${PASSWORD_MAX} characters or fewer.`),
})

/**
 * Shows the sign-in page; a signed-in person continues unless they must sign in again. Where the operator's own page is
 * the only way in, it leads there at once.
 */
export async function askToSignIn(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const session = sessionOf(res)
  const again = againOf(req)
  if (session && !again) return res.redirect(303, returnTo(caps, req))
  const { passwords, signInUrl, identity } = caps.config.people
  const asks = req.query['signed_out'] !== undefined || (session && again === 'choice')
  if (signInUrl && !passwords && !identity && !asks) return handOver(caps, req, res)
  const waiting = await caps.waitingApp(returnTo(caps, req))
  const same = againOf(req) === 'password' ? session?.user.email : undefined
  await showSignIn(caps, req, res, waiting?.loginHint ?? same ?? '', [])
}

/** Checks email and password and starts a session, or shows the form with its faults. */
export async function signInByForm(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  requirePasswords(caps)
  const values = parseInput(typedForm, req.body)
  const form = signInForm.safeParse(req.body ?? {})
  if (!form.success) return await showSignIn(caps, req, res, values.email, faultsOf(form.error))
  const { email, password } = form.data
  const { found, attempt } = await attemptOf(caps, req, res, email)
  const waiting = await limitSignIn(caps.limits, attempt)
  if (!(await caps.passwords.check(password, found?.passwordHash || undefined, waiting)) || !found) {
    return await showSignIn(caps, req, res, email, [{ field: 'password', message: 'Email or password is wrong.' }])
  }
  await forgiveSignIn(caps.limits, attempt)
  const { id: userId } = found.user
  if (await caps.database.look(tx => hasSecondFactor(tx, userId)))
    return await showSecondFactor(caps, req, res, sealPendingSignIn(caps, { userId, ...found }), 'app')
  await signInAs(caps, req, res, userId)
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
  const page: SignInPage = {
    values: { email },
    faults,
    ...onward,
    ...askedAgain(caps, again, sessionOf(res), onward),
    ...waysIn(caps, onward.returnTo, again),
    ...(req.query['signed_out'] !== undefined && { lede: 'You are signed out.' }),
  }
  caps.render(
    req,
    res,
    'sign-in',
    { title: `Sign in to ${caps.config.brand.name}`, status: faults.length > 0 ? 422 : 200 },
    page,
  )
}

/** What the sign-in page offers. */
function waysIn(
  { config: { people, brand } }: AccountCaps,
  returnTo: string,
  again: Again | undefined,
): Pick<SignInPage, 'passwords' | 'elsewhere'> {
  const query = new URLSearchParams({ return_to: returnTo, ...(again && { again }) })
  const elsewhere = [
    ...(people.identity ? [{ href: `/signin/identity?${query}`, text: `Continue with ${people.identity.name}` }] : []),
    ...(people.signInUrl ? [{ href: `/signin/hand-over?${query}`, text: `Continue with ${brand.name}` }] : []),
  ]
  return { passwords: people.passwords, elsewhere }
}

function askedAgain(
  { config }: AccountCaps,
  again: Again | undefined,
  session: Session | undefined,
  { returnTo, waiting }: Pick<SignInPage, 'returnTo' | 'waiting'>,
): Pick<SignInPage, 'lede' | 'again' | 'goOn'> {
  const who = waiting?.name ?? 'What you came for'
  if (!again || !session) return { lede: 'Then you go on to what you came for.' }
  if (again === 'password') {
    const wanted = config.people.passwords ? 'for your password' : 'you to sign in'
    return { again, lede: `${who} asks ${wanted} again. Then you go on.` }
  }
  const { id, email } = session.user
  const href = `${returnTo}${returnTo.includes('?') ? '&' : '?'}as=${id}`
  return { again, lede: `${who} asks who you are.`, goOn: { href, email } }
}
