import type { Request, Response } from 'express'
import { z } from 'zod'
import { AppError } from '../base/errors.ts'
import { parseInput } from '../http/parse.ts'
import { clientAddress } from '../http/request.ts'
import { findPasswordHash } from './account-store.ts'
import { spendChallenge } from './authenticator-store.ts'
import { markOf, openPendingSignIn, type PendingSignIn } from './pending-sign-in.ts'
import { acceptCode, acceptRecoveryCode } from './second-factor.ts'
import type { SecondFactorPage } from './second-factor-page.ts'
import { type AccountCaps, destination, returnTo, signInAs } from './sign-in-handlers.ts'

const form = z.object({
  pending: z.string().max(2_000).catch(''),
  way: z.enum(['app', 'recovery']).catch('app'),
  code: z.string().trim().max(60).optional().catch(undefined),
  recovery_code: z.string().trim().max(60).optional().catch(undefined),
})

const WRONG = {
  app: { field: 'code', message: 'This code is wrong, or was used already. Wait for the next one.' },
  recovery: { field: 'recovery_code', message: 'This recovery code is wrong, or was used already.' },
} as const

/** The page after the password: a code from the authenticator app, or a recovery code. */
export async function signInByCode(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const { pending: sealed, way, code, recovery_code } = parseInput(form, req.body)
  const typed = way === 'app' ? code : recovery_code
  const pending = openPendingSignIn(caps, sealed)
  if (!pending) return startAgain(caps, req, res)
  if (typed === undefined) return await showSecondFactor(caps, req, res, sealed, way)
  await caps.limits.spend(['second_factor', pending.userId])
  const outcome = await caps.database.transaction(tx => check(tx, caps, req, { pending, way, typed }))
  if (outcome === 'over') return startAgain(caps, req, res)
  if (outcome === 'wrong') return await showSecondFactor(caps, req, res, sealed, way, [WRONG[way]])
  await caps.limits.forgive('second_factor', pending.userId)
  await signInAs(caps, req, res, pending.userId)
}

type Try = { pending: PendingSignIn; way: 'app' | 'recovery'; typed: string }
type Tx = Parameters<typeof acceptCode>[0]

async function check(tx: Tx, caps: AccountCaps, req: Request, { pending, way, typed }: Try) {
  const { userId } = pending
  const hash = await findPasswordHash(tx, userId)
  if (hash === undefined || markOf(hash) !== pending.passwordMark) return 'over'
  const doing = { userId, ip: clientAddress(req), userAgent: req.get('user-agent') ?? '' }
  const right = way === 'app' ? acceptCode(tx, caps, userId, typed) : acceptRecoveryCode(tx, caps, doing, typed)
  if (!(await right)) return 'wrong'
  if (!(await spendChallenge(tx, pending.id, pending.expiresAt))) throw new AppError('account.sign_in_over')
  return 'right'
}

function startAgain(caps: AccountCaps, req: Request, res: Response): void {
  res.redirect(303, `/signin?return_to=${encodeURIComponent(returnTo(caps, req))}`)
}

/** Asks for the code. */
export async function showSecondFactor(
  caps: AccountCaps,
  req: Request,
  res: Response,
  pending: string,
  way: SecondFactorPage['way'],
  faults: SecondFactorPage['faults'] = [],
): Promise<void> {
  const page = { way, pending, faults, ...(await destination(caps, req)) }
  const status = faults.length > 0 ? 422 : 200
  caps.render(req, res, 'second-factor', { title: 'Confirm that it is you', status }, page)
}
