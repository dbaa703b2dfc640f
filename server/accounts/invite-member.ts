import type { Database, Tx } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import type { ActorOnAccount } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { DAY } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { opaqueToken } from '../base/random.ts'
import { hashSecret } from '../base/secret-format.ts'
import { queueMail } from '../mail/queue-mail.ts'
import { emailKey, findUserRow, type Role } from './account-store.ts'
import {
  deleteEndedInvitations,
  deleteInvitation,
  findInvitation,
  type Invitation,
  insertInvitation,
  listInvitations,
  renewInvitation,
} from './invitation-store.ts'
import { isMemberByEmail } from './list-members.ts'
import { lockToManage } from './lock-to-manage.ts'
import { invitationLetter } from './member-letters.ts'

export type { Invitation } from './invitation-store.ts'
export { findInvitation, listInvitations } from './invitation-store.ts'

/** How long an invitation is valid, in milliseconds. */
export const INVITATION_LIFE = 7 * DAY
/** The most invitations of an account that have not ended. */
const MOST_OPEN = 100

export type InviteMember = { accountId: string; email: string; role: Role; actor: ActorOnAccount }

/**
 * Invites an address to an account and queues the mail. Throws `member.exists`, `invitation.exists`, `invitation.limit`,
 * and what `lockToManage` throws.
 */
export async function inviteMember(tx: Tx, caps: Caps, command: InviteMember): Promise<Invitation> {
  const { accountId, email, role, actor } = command
  const at = caps.clock.now()
  const account = await lockToManage(tx, command, role)
  if (await isMemberByEmail(tx, accountId, emailKey(email))) throw new AppError('member.exists')
  const others = await listInvitations(tx, accountId)
  const before = others.find(other => emailKey(other.email) === emailKey(email))
  if (before && before.expiresAt > at) throw new AppError('invitation.exists')
  if (before) await deleteInvitation(tx, before.id)
  if (others.filter(({ expiresAt }) => expiresAt > at).length >= MOST_OPEN) throw new AppError('invitation.limit')
  const id = caps.ids.next('inv')
  const token = opaqueToken(caps.random)
  const invitedBy = actor.type === 'user' ? actor.id : null
  const invitation = { id, accountId, email, role, invitedBy, createdAt: at, expiresAt: at + INVITATION_LIFE }
  await insertInvitation(tx, { ...invitation, tokenHash: hashSecret(token) })
  await sendInvitation(tx, caps, { invitation, accountName: account.name, actor, token })
  const data = { email, role }
  await recordActivity(tx, caps, [accountId], [{ actor, what: 'invitation.sent', object: id, at, data }])
  return invitation
}

type ForInvitation = { accountId: string; invitationId: string; actor: ActorOnAccount }

/** *Resend*: a new link for another seven days; the link before ends. Throws `object.not_found` and `access.role`. */
export async function resendInvitation(tx: Tx, caps: Caps, command: ForInvitation): Promise<Invitation> {
  const { actor, accountId } = command
  const at = caps.clock.now()
  const { invitation, account } = await lockInvitation(tx, command)
  const token = opaqueToken(caps.random)
  const expiresAt = at + INVITATION_LIFE
  if (!(await renewInvitation(tx, invitation.id, { tokenHash: hashSecret(token), expiresAt })))
    throw new AppError('object.not_found')
  const renewed = { ...invitation, expiresAt }
  await sendInvitation(tx, caps, { invitation: renewed, accountName: account.name, actor, token })
  const data = { email: invitation.email, role: invitation.role }
  await recordActivity(tx, caps, [accountId], [{ actor, what: 'invitation.resent', object: invitation.id, at, data }])
  return renewed
}

/** *Revoke*: the link is refused from now on. Throws `object.not_found` and `access.role`. */
export async function revokeInvitation(tx: Tx, caps: Caps, command: ForInvitation): Promise<Invitation> {
  const { actor, accountId } = command
  const { invitation } = await lockInvitation(tx, command)
  if (!(await deleteInvitation(tx, invitation.id))) throw new AppError('object.not_found')
  const act = { actor, what: 'invitation.revoked', object: invitation.id, at: caps.clock.now() }
  await recordActivity(tx, caps, [accountId], [{ ...act, data: { email: invitation.email, role: invitation.role } }])
  return invitation
}

/** An invitation to be an owner is the owners' matter, as owners are. */
async function lockInvitation(tx: Tx, { accountId, invitationId, actor }: ForInvitation) {
  const account = await lockToManage(tx, { accountId, actor })
  const invitation = await findInvitation(tx, accountId, invitationId)
  if (!invitation) throw new AppError('object.not_found')
  if (invitation.role === 'owner') await lockToManage(tx, { accountId, actor }, 'owner')
  return { account, invitation }
}

async function sendInvitation(
  tx: Tx,
  caps: Caps,
  sent: { invitation: Invitation; accountName: string; actor: ActorOnAccount; token: string },
): Promise<void> {
  const { invitation, actor } = sent
  const inviter = actor.type === 'user' ? (await findUserRow(tx, actor.id))?.email : undefined
  await queueMail(tx, caps, [invitation.email], invitationLetter({ ...sent, inviter }))
}

/** Deletes invitations that ended 30 days ago; returns how many. */
export async function sweepInvitations(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, (tx, limit) => deleteEndedInvitations(tx, at - 30 * DAY, limit))
}
