import type { Request, Response } from 'express'
import { z } from 'zod'
import { MINUTE } from '../base/clock.ts'
import type { FieldFault } from '../http/page-parts.ts'
import { parseInput } from '../http/parse.ts'
import { inFours, qrOf } from './authenticator-page.ts'
import { doingOf } from './doing-guard.ts'
import { addAuthenticator, hasSecondFactor, removeAuthenticator, renewRecoveryCodes } from './second-factor.ts'
import { signedIn } from './session-guard.ts'
import type { AccountCaps } from './sign-in-handlers.ts'
import { newTotpSecret, totpAddress } from './totp.ts'

const PAGE = '/settings/security'
const PURPOSE = 'authenticator-setup'
const LIFE = 30 * MINUTE

const form = z.object({ sealed: z.string().max(1_000).catch(''), code: z.string().max(60).catch('') })

/** *Set up authenticator app*: a new secret, which is stored once a code proves that the app has it. */
export async function askForAuthenticator(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  if (await caps.database.look(tx => hasSecondFactor(tx, signedIn(res).user.id))) return res.redirect(303, PAGE)
  show(caps, req, res, newTotpSecret(caps.random), [])
}

/** Checks the first code and shows the recovery codes, once. */
export async function addAuthenticatorByForm(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const { sealed, code } = parseInput(form, req.body)
  const secret = unseal(caps, signedIn(res).user.id, sealed)
  if (secret === undefined) return res.redirect(303, `${PAGE}/authenticator`)
  await caps.limits.spend(['second_factor', signedIn(res).user.id])
  const codes = await caps.database.transaction(tx =>
    addAuthenticator(tx, caps, { ...doingOf(req, res), secret, code }),
  )
  if (codes) return showCodes(caps, req, res, codes)
  if (await caps.database.look(tx => hasSecondFactor(tx, signedIn(res).user.id))) return res.redirect(303, PAGE)
  show(caps, req, res, secret, [
    { field: 'code', message: 'This code is wrong. Type the six digits that the app shows now.' },
  ])
}

/** *Remove* the authenticator app. */
export async function removeAuthenticatorByForm(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  await caps.database.transaction(tx => removeAuthenticator(tx, caps, doingOf(req, res)))
  res.redirect(303, `${PAGE}?done=authenticator-removed`)
}

/** *New recovery codes*, which replace the old ones. */
export async function renewRecoveryCodesByForm(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const codes = await caps.database.transaction(tx => renewRecoveryCodes(tx, caps, doingOf(req, res)))
  if (!codes) return res.redirect(303, PAGE)
  showCodes(caps, req, res, codes)
}

function showCodes(caps: AccountCaps, req: Request, res: Response, codes: string[]): void {
  caps.render(req, res, 'recovery-codes', { title: 'Keep these recovery codes', nav: 'security' }, { codes })
}

function show(caps: AccountCaps, req: Request, res: Response, secret: string, faults: FieldFault[]): void {
  const { email, id } = signedIn(res).user
  const address = totpAddress(secret, { issuer: caps.config.brand.name, label: email })
  const text = JSON.stringify({ secret, expiresAt: caps.clock.now() + LIFE })
  const sealed = caps.keyring.encrypt(PURPOSE, id, text)
  const status = faults.length > 0 ? 422 : 200
  const options = { title: 'Set up authenticator app', nav: 'security' as const, status }
  caps.render(req, res, 'authenticator', options, { faults, secret: inFours(secret), sealed, qr: qrOf(address) })
}

/** The secret of this person's page; undefined if it is not ours or too old. */
function unseal(caps: AccountCaps, userId: string, sealed: string): string | undefined {
  try {
    const { secret, expiresAt }: { secret: string; expiresAt: number } = JSON.parse(
      caps.keyring.decrypt(PURPOSE, userId, sealed),
    )
    return expiresAt > caps.clock.now() ? secret : undefined
  } catch {
    return undefined // whatever does not decrypt was not made here for this person
  }
}
