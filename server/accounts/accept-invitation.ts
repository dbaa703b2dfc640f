import { isUniqueViolation, type Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { hashSecret } from '../base/secret-format.ts'
import {
  type Account,
  confirmEmail,
  emailKey,
  findUserByEmail,
  findUserRow,
  insertMembership,
  insertUser,
  listMemberships,
  type User,
} from './account-store.ts'
import { lockManagedAccount } from './find-account.ts'
import { deleteInvitation, findByToken, type Invitation } from './invitation-store.ts'
import { findMember } from './list-members.ts'
import { refuseOutside } from './lock-to-manage.ts'
import { memberNewsLetter } from './member-letters.ts'
import { writeToMembers } from './write-to-members.ts'

/** What the page of an invitation shows. `known`: its address has a user already, who must sign in. */
export type OpenInvitation = { invitation: Invitation; account: Account; inviter: string | undefined; known: boolean }

/** Throws `invitation.over` for a link that was never valid, was used or revoked, or has ended: they look the same. */
export async function readInvitation(tx: Tx, { clock }: Pick<Caps, 'clock'>, token: string): Promise<OpenInvitation> {
  const invitation = await findByToken(tx, hashSecret(token), clock.now())
  const account = invitation && (await lockManagedAccount(tx, invitation.accountId, 'look'))
  if (!invitation || !account) throw over()
  const by = invitation.invitedBy === null ? undefined : await findUserRow(tx, invitation.invitedBy)
  return {
    invitation,
    account: { id: account.id, name: account.name },
    inviter: by?.email,
    known: (await findUserByEmail(tx, invitation.email)) !== undefined,
  }
}

/** Whether an invitation is for this person. Throws `invitation.other_person`, which says for whom it is. */
export function requireInvited({ email }: Invitation, user: Pick<User, 'email'>): void {
  if (emailKey(email) === emailKey(user.email)) return
  throw new AppError('invitation.other_person', {
    detail: `Nothing was changed. The invitation is for ${email}, and you are signed in as ${user.email}. Sign out, and open the link again.`,
  })
}

export type AcceptInvitation = { token: string; userId: string; ip: string }

/**
 * *Accept invitation*: makes the person a member, once. The link came by mail, so it confirms their address. Throws
 * `invitation.over`, `invitation.other_person` and `account.managed_outside`.
 */
export async function acceptInvitation(tx: Tx, caps: Caps, command: AcceptInvitation): Promise<{ accountId: string }> {
  const { invitation, account } = await readInvitation(tx, caps, command.token)
  const user = await findUserRow(tx, command.userId)
  if (!user) throw over()
  requireInvited(invitation, user)
  await join(tx, caps, { invitation, account, user, ip: command.ip })
  return { accountId: account.id }
}

/**
 * The same at the sign-in of somebody who is a member of no account, on their way to an invitation: without an account
 * there is no session in which to press the button. Returns whether they joined.
 */
export async function joinWithoutAccount(
  tx: Tx,
  caps: Caps,
  { path, userId, ip }: { path: string; userId: string; ip: string },
): Promise<boolean> {
  const [, token] = /^\/invitations\?token=([\w-]{43})$/.exec(path) ?? []
  if (!token || (await listMemberships(tx, userId)).length > 0) return false
  await acceptInvitation(tx, caps, { token, userId, ip })
  return true
}

/** The same for somebody without a user: makes one for the address of the invitation. Throws `account.email_taken` as well. */
export async function signUpInvited(
  tx: Tx,
  caps: Caps,
  command: { token: string; passwordHash: string; ip: string },
): Promise<{ userId: string }> {
  const { invitation, account } = await readInvitation(tx, caps, command.token)
  const user: User = { id: caps.ids.next('usr'), email: invitation.email, operator: false }
  try {
    await insertUser(tx, { ...user, passwordHash: command.passwordHash, at: caps.clock.now() })
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw new AppError('account.email_taken', { cause: error, detail: 'Sign in, then open the invitation again.' })
  }
  await join(tx, caps, { invitation, account, user, ip: command.ip })
  return { userId: user.id }
}

async function join(
  tx: Tx,
  caps: Caps,
  { invitation, account, user, ip }: { invitation: Invitation; account: Account; user: User; ip: string },
): Promise<void> {
  const at = caps.clock.now()
  const locked = await lockManagedAccount(tx, account.id)
  if (!locked || !(await deleteInvitation(tx, invitation.id))) throw over()
  refuseOutside(locked)
  await confirmEmail(tx, user.id, at)
  if (await findMember(tx, account.id, user.id)) return
  const { role, email } = invitation
  await insertMembership(tx, account.id, user.id, role, at)
  const told = { accountName: account.name, email: user.email, at, news: 'joined' as const, role }
  await writeToMembers(tx, caps, { accountId: account.id, audience: 'managers' }, () => memberNewsLetter(told))
  const actor: Actor = { type: 'user', id: user.id, ip }
  await recordActivity(
    tx,
    caps,
    [account.id],
    [{ actor, what: 'member.joined', object: user.id, at, data: { email, role, invitation: invitation.id } }],
  )
}

function over(): AppError {
  return new AppError('invitation.over', {
    detail: 'It was used or revoked, or it is older than seven days. Ask for another one.',
  })
}
