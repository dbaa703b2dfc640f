import { type Request, type Response, Router } from 'express'
import { lookAtFormAccount } from '../accounts/account-guard.ts'
import { changeRole, transferOwnership } from '../accounts/change-role.ts'
import { findMember } from '../accounts/list-members.ts'
import { ROLE_WORDS } from '../accounts/member-letters.ts'
import { removeMember } from '../accounts/remove-member.ts'
import { type Role, requireAbility } from '../accounts/roles.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import { AppError } from '../base/errors.ts'
import { capitalised } from '../http/format.ts'
import { idParam } from '../http/request.ts'
import { type MemberQuestionPage, ROLES, roleOptions } from './members-page.ts'
import { type MembersCaps, showMembers } from './show-members.ts'

/** *Change role*, *Remove*, *Leave* and *Transfer ownership*: a page that asks, and the form that acts. */
export function membersRoutes(caps: MembersCaps): Router {
  const router = Router()
  router.use('/settings', requireSession)

  router.get('/settings/members/leave', (req, res) => askToLeave(caps, req, res))
  router.post('/settings/members/leave', lookAtFormAccount(caps), (req, res) => leaveByForm(caps, req, res))
  router.get('/settings/members/:user/role', (req, res) => askForRole(caps, req, res, false))
  router.post('/settings/members/:user/role', lookAtFormAccount(caps), (req, res) => changeRoleByForm(caps, req, res))
  router.get('/settings/members/:user/remove', (req, res) => askToRemove(caps, req, res))
  router.post('/settings/members/:user/remove', lookAtFormAccount(caps), (req, res) => removeByForm(caps, req, res))
  router.get('/settings/members/:user/transfer', (req, res) => askToTransfer(caps, req, res))
  router.post('/settings/members/:user/transfer', lookAtFormAccount(caps), (req, res) => transferByForm(caps, req, res))
  return router
}

async function askForRole(caps: MembersCaps, req: Request, res: Response, faulty: boolean): Promise<void> {
  const member = await loadMember(caps, req, res)
  const { account, role } = signedIn(res).current
  const page = {
    account,
    member: member.email,
    action: req.path,
    choices: roleOptions(role, member.role).map(({ value, text, selected }, index) => ({
      value: value as Role,
      text,
      note: capitalised(ROLE_WORDS[value as Role]),
      checked: selected,
      first: index === 0,
    })),
    faults: faulty ? [{ field: 'role', message: 'Choose a role.' }] : [],
  }
  const frame = { title: `Change role of ${member.email}`, nav: 'members' as const, status: faulty ? 422 : 200 }
  caps.render(req, res, 'member-role', frame, page)
}

async function changeRoleByForm(caps: MembersCaps, req: Request, res: Response): Promise<void> {
  const role = ROLES.find(name => name === req.body?.role)
  if (!role) return await askForRole(caps, req, res, true)
  const actor = memberOf(res)
  const command = { accountId: actor.accountId, userId: idParam(req, 'user', 'usr'), role, actor }
  await orSayWhy(caps, req, res, '/settings/members?done=role', () =>
    caps.database.transaction(tx => changeRole(tx, caps, command)),
  )
}

async function askToRemove(caps: MembersCaps, req: Request, res: Response): Promise<void> {
  const { email, role } = await loadMember(caps, req, res)
  const { name } = signedIn(res).current.account
  ask(caps, req, res, {
    heading: `Remove ${email}?`,
    lede: `They can no longer see ${name}, from the moment you press the button. Apps and keys stay.`,
    facts: [{ label: 'Role', text: capitalised(role) }],
    button: 'Remove',
  })
}

async function removeByForm(caps: MembersCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const command = { accountId: actor.accountId, userId: idParam(req, 'user', 'usr'), actor }
  await orSayWhy(caps, req, res, '/settings/members?done=removed', () =>
    caps.database.transaction(tx => removeMember(tx, caps, command)),
  )
}

async function askToLeave(caps: MembersCaps, req: Request, res: Response): Promise<void> {
  const { account, role } = signedIn(res).current
  ask(caps, req, res, {
    heading: `Leave ${account.name}?`,
    lede: 'You can no longer see this account, until somebody invites you again. Apps and keys stay.',
    facts: [{ label: 'Your role', text: capitalised(role) }],
    button: 'Leave',
  })
}

async function leaveByForm(caps: MembersCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const command = { accountId: actor.accountId, userId: actor.id, actor }
  await orSayWhy(caps, req, res, '/apps', () => caps.database.transaction(tx => removeMember(tx, caps, command)))
}

async function askToTransfer(caps: MembersCaps, req: Request, res: Response): Promise<void> {
  const { email } = await loadMember(caps, req, res, 'manage_owners')
  const { name } = signedIn(res).current.account
  ask(caps, req, res, {
    heading: `Transfer ownership of ${name}?`,
    lede: `${email} becomes owner, and you become admin. Only they can undo it.`,
    facts: [{ label: 'New owner', text: email }],
    button: 'Transfer ownership',
  })
}

async function transferByForm(caps: MembersCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const command = { accountId: actor.accountId, userId: idParam(req, 'user', 'usr'), actor }
  await orSayWhy(caps, req, res, '/settings/members?done=transferred', () =>
    caps.database.transaction(tx => transferOwnership(tx, caps, command)),
  )
}

/** Another member, for somebody who may change them. Throws `object.not_found` and `access.role`. */
async function loadMember(
  { database }: MembersCaps,
  req: Request,
  res: Response,
  ability: 'manage_members' | 'manage_owners' = 'manage_members',
) {
  const { user, current } = signedIn(res)
  const accountId = current.account.id
  return await database.read(async tx => {
    const member = await findMember(tx, accountId, idParam(req, 'user', 'usr'))
    if (!member || member.userId === user.id) throw new AppError('object.not_found')
    await requireAbility(tx, user.id, accountId, member.role === 'owner' ? 'manage_owners' : ability)
    return member
  })
}

function ask(
  caps: MembersCaps,
  req: Request,
  res: Response,
  question: Omit<MemberQuestionPage, 'account' | 'action'>,
): void {
  const page = { ...question, account: signedIn(res).current.account, action: req.path }
  caps.render(req, res, 'member-question', { title: question.heading, nav: 'members' }, page)
}

const REFUSALS = ['account.last_owner', 'account.managed_outside'] as const

/** Acts and goes on; what the state of the account forbids is said on the list of members, as it is now. */
async function orSayWhy(
  caps: MembersCaps,
  req: Request,
  res: Response,
  onward: string,
  act: () => Promise<unknown>,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof AppError) || !REFUSALS.some(code => code === error.code)) throw error
    const text = (error.detail ?? error.message).replace(/^Nothing was changed[:.] /, '')
    const flash = { tone: 'bad' as const, strong: 'Nothing was changed.', text: capitalised(text) }
    return await showMembers(caps, req, res, { flash, status: 409 })
  }
  res.redirect(303, onward)
}
