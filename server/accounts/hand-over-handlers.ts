import type { Request, Response } from 'express'
import { AppError } from '../base/errors.ts'
import { leaveFor } from '../http/leave.ts'
import { CLOCK_LEEWAY } from './fresh.ts'
import { sessionOf } from './session-guard.ts'
import { type AccountCaps, againOf, HOME, returnTo, signInAs } from './sign-in-handlers.ts'
import { readSignInLink, type SignInLink, useSignInLink } from './sign-in-links.ts'

/** Leads to the operator's own sign-in page, with a `state` that only this browser knows. */
export function handOver(caps: AccountCaps, req: Request, res: Response): void {
  const { signInUrl } = caps.config.people
  if (!signInUrl) throw new AppError('object.not_found')
  const again = againOf(req) === 'password'
  const address = new URL(signInUrl)
  address.searchParams.set('return_to', new URL(returnTo(caps, req), caps.publicUrl).href)
  address.searchParams.set('state', caps.handOverCookie.begin(req, res, again))
  if (again) address.searchParams.set('reauthenticate', '1')
  res.set('Cache-Control', 'no-store')
  leaveFor(caps.outwardPages, req, res, address.href)
}

/**
 * Opens a sign-in link: the browser that asked for it is signed in at once; any other sees whom it signs in, with a button,
 * because a stranger's link would otherwise sign a victim into the stranger's account.
 */
export async function openSignInLink(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const token = String(req.query['token'] ?? '')
  const link = await caps.database.look(tx => readSignInLink(tx, caps, token))
  const pending = caps.handOverCookie.find(req, link.stateHash)
  if (!pending || !isWholePage(req)) return showLink(caps, req, res, token, link)
  caps.handOverCookie.end(req, res, pending.state)
  if (pending.reauthenticate && link.authenticatedAt < pending.at - CLOCK_LEEWAY) {
    await caps.database.transaction(tx => useSignInLink(tx, caps, token))
    throw new AppError('sign_in.not_fresh', {
      detail: 'Nothing was changed. What you wanted to do needs a sign-in of the last minutes, and yours is older.',
    })
  }
  await follow(caps, req, res, token, link)
}

/** The button of that page. */
export async function followSignInLink(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const token = String(req.body?.token ?? '')
  await follow(caps, req, res, token, await caps.database.look(tx => readSignInLink(tx, caps, token)))
}

async function follow(
  caps: AccountCaps,
  req: Request,
  res: Response,
  token: string,
  { userId, accountId, authenticatedAt, returnTo: to = HOME }: SignInLink,
): Promise<void> {
  const also = (tx: Parameters<typeof useSignInLink>[0]) => useSignInLink(tx, caps, token)
  await signInAs(caps, req, res, userId, { to, accountId, authenticatedAt, also, elsewhere: true })
}

/** Whether a browser loads a page to look at: no frame, no prefetch, no HEAD. */
function isWholePage(req: Request): boolean {
  const destination = req.get('sec-fetch-dest') ?? 'document'
  return req.method === 'GET' && destination === 'document' && req.get('sec-purpose') === undefined
}

function showLink(caps: AccountCaps, req: Request, res: Response, token: string, link: SignInLink): void {
  const session = sessionOf(res)
  const other = session && session.user.id !== link.userId ? session.user.email : undefined
  const { email, name = email, accountName } = link
  const title = `Continue to ${caps.config.brand.name}`
  caps.render(
    req,
    res,
    'sign-in-link',
    { title },
    { token, email, name, accountName, ...(other && { instead: other }) },
  )
}
