import type { Request, Response } from 'express'
import { SYSTEM } from '../audit/actor.ts'
import { AppError } from '../base/errors.ts'
import { leaveFor } from '../http/leave.ts'
import { clientAddress } from '../http/request.ts'
import { bringIn } from './bring-in.ts'
import type { IdentityProvider } from './identity-provider.ts'
import { type AccountCaps, againOf, returnTo, signInAs } from './sign-in-handlers.ts'

/** Leads to the operator's OpenID provider. */
export async function beginIdentity(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const provider = providerOf(caps)
  const wanted = { returnTo: returnTo(caps, req), fresh: againOf(req) === 'password' }
  const attempt = caps.identityCookie.begin(res, wanted)
  const address = await provider.authorizationUrl(attempt)
  res.set('Cache-Control', 'no-store')
  leaveFor(caps.outwardPages, req, res, address)
}

/** The provider's answer: finds or makes the person, lets their accounts follow, and signs them in. */
export async function finishIdentity(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const provider = providerOf(caps)
  const attempt = caps.identityCookie.take(req, res)
  if (!attempt || req.query['state'] !== attempt.state)
    throw new AppError('identity.refused', {
      detail: 'Nobody was signed in: this sign-in was not begun in this browser, or it is over. Sign in again.',
    })
  const { issuer, subject, authenticatedAt, ...claims } = await provider.finish(
    attempt,
    new URL(req.originalUrl, caps.publicUrl),
  )
  const actor = { ...SYSTEM, ip: clientAddress(req) }
  const { userId } = await caps.database.transaction(tx =>
    bringIn(tx, caps, { known: { issuer, subject }, ...claims, actor }),
  )
  await signInAs(caps, req, res, userId, { to: attempt.returnTo, authenticatedAt, elsewhere: true })
}

function providerOf({ identity }: AccountCaps): IdentityProvider {
  if (!identity) throw new AppError('object.not_found')
  return identity
}
