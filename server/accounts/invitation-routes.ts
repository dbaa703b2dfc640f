import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { AppError, type Fault } from '../base/errors.ts'
import { capitalised, dayTimeMoment } from '../http/format.ts'
import { faultsOf } from '../http/parse.ts'
import { clientAddress, networkOfClient } from '../http/request.ts'
import {
  acceptInvitation,
  type OpenInvitation,
  readInvitation,
  requireInvited,
  signUpInvited,
} from './accept-invitation.ts'
import type { InvitationPage } from './invitation-page.ts'
import { spendPassword } from './limit-sign-in.ts'
import { ROLE_WORDS } from './member-letters.ts'
import { sessionOf } from './session-guard.ts'
import { lookAtAccount, type Session } from './sessions.ts'
import { type AccountCaps, signInAs } from './sign-in-handlers.ts'
import { newPassword } from './sign-up-form.ts'
import { weaknessOf } from './weak-password.ts'

/** The link of an invitation: what it is for, and *Accept invitation*. Opening it changes nothing, as mail scanners do. */
export function invitationRoutes(caps: AccountCaps): Router {
  const router = Router()
  router.get('/invitations', (req, res) => showByLink(caps, req, res))
  router.post('/invitations', (req, res) => acceptByForm(caps, req, res))
  return router
}

async function showByLink(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const { token, found } = await readOpen(caps, req.query['token'])
  showInvitation(caps, req, res, token, found, [])
}

async function acceptByForm(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const { token, found } = await readOpen(caps, req.body?.token)
  const session = sessionOf(res)
  if (session) return await acceptSignedIn(caps, req, res, { token, found, session })
  if (found.known) return res.redirect(303, signInHref(token))
  const form = z.object({ password: newPassword }).safeParse(req.body ?? {})
  if (!form.success) return showInvitation(caps, req, res, token, found, faultsOf(form.error))
  const weakness = weaknessOf(form.data.password, found.invitation.email)
  if (weakness) return showInvitation(caps, req, res, token, found, [{ field: 'password', message: weakness }])
  const network = networkOfClient(req)
  await caps.limits.spend(['sign_up_address', network])
  await spendPassword(caps.limits)
  const passwordHash = await caps.passwords.hash(form.data.password, { caller: network, known: false })
  const command = { token, passwordHash, ip: clientAddress(req) }
  const { userId } = await caps.database.transaction(tx => signUpInvited(tx, caps, command))
  await signInAs(caps, req, res, userId, { to: '/apps' })
}

type Accepting = { token: string; found: OpenInvitation; session: Session }

async function acceptSignedIn(
  caps: AccountCaps,
  req: Request,
  res: Response,
  { token, found, session }: Accepting,
): Promise<void> {
  if (refusalOf(found, session)) return showInvitation(caps, req, res, token, found, [])
  await caps.database.transaction(async tx => {
    const { accountId } = await acceptInvitation(tx, caps, { token, userId: session.user.id, ip: session.ip })
    await lookAtAccount(tx, session, accountId)
  })
  res.redirect(303, '/apps')
}

async function readOpen(caps: AccountCaps, given: unknown): Promise<{ token: string; found: OpenInvitation }> {
  const token = typeof given === 'string' ? given : ''
  return { token, found: await caps.database.read(tx => readInvitation(tx, caps, token)) }
}

function showInvitation(
  caps: AccountCaps,
  req: Request,
  res: Response,
  token: string,
  { invitation, account, inviter, known }: OpenInvitation,
  faults: Fault[],
): void {
  const session = sessionOf(res)
  const refusal = session && refusalOf({ invitation }, session)
  const step = refusal ? 'other' : session ? 'accept' : known ? 'sign_in' : 'sign_up'
  const page: InvitationPage = {
    account: account.name,
    lede: `${inviter ?? account.name} invites you. You can ${ROLE_WORDS[invitation.role]}.`,
    token,
    email: invitation.email,
    step,
    signInHref: signInHref(token),
    ...(refusal && { refusal }),
    facts: [
      { label: 'For', text: invitation.email },
      { label: 'Role', text: capitalised(invitation.role) },
      { label: 'Valid until', text: dayTimeMoment(invitation.expiresAt).text },
    ],
    faults,
  }
  const status = refusal ? 403 : faults.length > 0 ? 422 : 200
  caps.render(req, res, 'invitation', { title: `Join ${account.name}`, status }, page)
}

/** Why the person who is signed in cannot accept it. */
function refusalOf({ invitation }: Pick<OpenInvitation, 'invitation'>, { user }: Session): string | undefined {
  try {
    requireInvited(invitation, user)
    return undefined
  } catch (error) {
    if (error instanceof AppError) return error.detail
    throw error
  }
}

function signInHref(token: string): string {
  return `/signin?return_to=${encodeURIComponent(`/invitations?token=${encodeURIComponent(token)}`)}`
}
