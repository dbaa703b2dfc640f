import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { lookAtFormAccount } from '../accounts/account-guard.ts'
import { emailKey } from '../accounts/find-user.ts'
import { findInvitation, inviteMember, resendInvitation, revokeInvitation } from '../accounts/invite-member.ts'
import { requireAbility } from '../accounts/roles.ts'
import { memberOf, requireSession } from '../accounts/session-guard.ts'
import { AppError, type Fault } from '../base/errors.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import { faultsOf, parseInput } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { ROLES } from './members-page.ts'
import { type MembersCaps, showMembers } from './show-members.ts'

const WHOLE = 'Write the whole address, such as name@example.com.'
const typedForm = z.object({ email: z.string().trim().max(254).catch(''), role: z.string().max(20).catch('viewer') })
const form = z.object({
  email: z.string(WHOLE).trim().pipe(z.email(WHOLE).max(254, 'Use 254 characters or fewer.')),
  role: z.enum(ROLES as [(typeof ROLES)[number]], 'Choose a role.'),
})

/** *Send invitation*, *Resend* and *Revoke*. */
export function invitationsRoutes(caps: MembersCaps): Router {
  const router = Router()
  router.use('/settings', requireSession)

  router.get('/settings/members', (req, res) => showMembers(caps, req, res, { flash: flashOf(req) }))
  router.post('/settings/members/invitations', lookAtFormAccount(caps), (req, res) => inviteByForm(caps, req, res))
  router.post('/settings/members/invitations/:invitation/resend', lookAtFormAccount(caps), (req, res) =>
    resendByForm(caps, req, res),
  )
  router.post('/settings/members/invitations/:invitation/revoke', lookAtFormAccount(caps), (req, res) =>
    revokeByForm(caps, req, res),
  )
  return router
}

async function inviteByForm(caps: MembersCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const typed = parseInput(typedForm, req.body)
  await caps.database.read(tx => requireAbility(tx, actor.id, actor.accountId, 'manage_members'))
  const parsed = form.safeParse(req.body ?? {})
  if (!parsed.success) return await showMembers(caps, req, res, { typed, faults: faultsOf(parsed.error), status: 422 })
  const { email, role } = parsed.data
  if (!(await spendMail(caps, actor.id, email)))
    return await showMembers(caps, req, res, { typed, faults: [{ field: 'email', message: TOO_SOON }], status: 429 })
  try {
    await caps.database.transaction(tx => inviteMember(tx, caps, { accountId: actor.accountId, email, role, actor }))
  } catch (error) {
    caps.limits.giveBack('invitation_email', emailKey(email)) // no mail was sent
    const fault = faultOf(error, email)
    if (!fault) throw error
    return await showMembers(caps, req, res, { typed, faults: [fault], status: 422 })
  }
  res.redirect(303, '/settings/members?done=invited')
}

async function resendByForm(caps: MembersCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const { accountId } = actor
  const invitationId = idParam(req, 'invitation', 'inv')
  const found = await caps.database.read(async tx => {
    const invitation = await findInvitation(tx, accountId, invitationId)
    if (!invitation) throw new AppError('object.not_found')
    await requireAbility(tx, actor.id, accountId, invitation.role === 'owner' ? 'manage_owners' : 'manage_members')
    return invitation
  })
  if (!(await spendMail(caps, actor.id, found.email))) {
    const flash: NoticeModel = { tone: 'warn', strong: 'Nothing was sent.', text: TOO_SOON }
    return await showMembers(caps, req, res, { flash, status: 429 })
  }
  await caps.database.transaction(tx => resendInvitation(tx, caps, { accountId, invitationId, actor }))
  res.redirect(303, '/settings/members?done=resent')
}

async function revokeByForm(caps: MembersCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const invitationId = idParam(req, 'invitation', 'inv')
  const command = { accountId: actor.accountId, invitationId, actor }
  await caps.database.transaction(tx => revokeInvitation(tx, caps, command))
  res.redirect(303, '/settings/members?done=revoked')
}

const TOO_SOON = 'An invitation went to this address less than an hour ago. Wait until the hour is over.'

/** One mail to an address an hour, from whichever account. Returns false for the second. Throws `request.rate_limited`. */
async function spendMail({ limits }: MembersCaps, userId: string, email: string): Promise<boolean> {
  await limits.spend(['invitations', userId])
  return await limits.trySpend('invitation_email', emailKey(email))
}

function faultOf(error: unknown, email: string): Fault | undefined {
  if (!(error instanceof AppError)) return undefined
  if (error.code === 'member.exists') return { field: 'email', message: `${email} is a member already.` }
  if (error.code === 'invitation.exists')
    return { field: 'email', message: `${email} is invited already. Use Resend for a new link.` }
  if (error.code === 'invitation.limit')
    return { field: 'email', message: '100 invitations are open. Revoke some first.' }
  return undefined
}

const FLASHES: Record<string, NoticeModel> = {
  invited: { tone: 'good', strong: 'The invitation is on its way.', text: 'Its link works once, for seven days.' },
  resent: { tone: 'good', strong: 'A new link is on its way.', text: 'The link before no longer works.' },
  revoked: { tone: 'good', strong: 'The invitation is revoked.', text: 'Its link no longer works.' },
  role: { tone: 'good', strong: 'The role was changed.', text: 'It applies from now on.' },
  removed: { tone: 'good', strong: 'The member was removed.', text: 'Apps and keys stay with the account.' },
  transferred: { tone: 'good', strong: 'Ownership was transferred.', text: 'You are admin from now on.' },
}

function flashOf(req: Request): NoticeModel | undefined {
  const done = req.query['done']
  return typeof done === 'string' && Object.hasOwn(FLASHES, done) ? FLASHES[done] : undefined
}
