import type { Tx } from '../../db/connect.ts'
import type { ActorOnAccount, Member } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { queueMail } from '../mail/queue-mail.ts'
import type { Role } from './account-store.ts'
import type { ManagedAccount } from './find-account.ts'
import { findMember, hasOtherOwner, updateRole } from './list-members.ts'
import { lockToManage } from './lock-to-manage.ts'
import { ownershipLetter, roleChangedLetter } from './member-letters.ts'
import { writeToMembers } from './write-to-members.ts'

export type ChangeRole = { accountId: string; userId: string; role: Role; actor: ActorOnAccount }

/**
 * Gives a member another role, and tells them by mail. Throws `object.not_found`, `access.role`, `account.last_owner` and
 * `account.managed_outside`.
 */
export async function changeRole(tx: Tx, caps: Caps, command: ChangeRole): Promise<{ changed: boolean }> {
  const { accountId, userId, role: to, actor } = command
  const at = caps.clock.now()
  const account = await lockToManage(tx, command)
  const member = await findMember(tx, accountId, userId)
  if (!member) throw new AppError('object.not_found')
  const { role: from, email } = member
  if (from === to) return { changed: false }
  if (from === 'owner' || to === 'owner') await lockToManage(tx, command, 'owner')
  if (from === 'owner') await requireOtherOwner(tx, account, userId, actor)
  if (!(await updateRole(tx, { accountId, userId, from, to }))) return { changed: false }
  if (userId !== actor.id)
    await queueMail(tx, caps, [email], roleChangedLetter({ accountName: account.name, email, from, to, at }))
  const act = { actor, what: 'member.role_changed', object: userId, at, data: { email, from, to } }
  await recordActivity(tx, caps, [accountId], [act])
  return { changed: true }
}

/** An account that people manage always has an owner; other actors may leave one without. Throws `account.last_owner`. */
export async function requireOtherOwner(
  tx: Tx,
  account: ManagedAccount,
  userId: string,
  actor: ActorOnAccount,
): Promise<void> {
  if (actor.type !== 'user' || (await hasOtherOwner(tx, account.id, userId))) return
  throw new AppError('account.last_owner', {
    detail: `Nothing was changed: ${account.name} has no other owner. Transfer ownership first.`,
  })
}

export type TransferOwnership = { accountId: string; userId: string; actor: Member }

/**
 * Makes another member owner and the acting owner admin, in one step. Throws `object.not_found`, `access.role` and
 * `account.managed_outside`.
 */
export async function transferOwnership(tx: Tx, caps: Caps, command: TransferOwnership): Promise<void> {
  const { accountId, userId, actor } = command
  const at = caps.clock.now()
  const account = await lockToManage(tx, command, 'owner')
  const member = await findMember(tx, accountId, userId)
  if (!member || userId === actor.id) throw new AppError('object.not_found')
  if (member.role !== 'owner') await updateRole(tx, { accountId, userId, from: member.role, to: 'owner' })
  await updateRole(tx, { accountId, userId: actor.id, from: 'owner', to: 'admin' })
  const told = { accountName: account.name, email: member.email, at }
  await writeToMembers(tx, caps, { accountId, audience: 'managers' }, () => ownershipLetter(told))
  const data = { email: member.email, from: member.role }
  await recordActivity(
    tx,
    caps,
    [accountId],
    [{ actor, what: 'account.ownership_transferred', object: userId, at, data }],
  )
}
