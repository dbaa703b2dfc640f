import type { Tx } from '../../db/connect.ts'
import type { ActorOnAccount } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { queueMail } from '../mail/queue-mail.ts'
import { listMemberships } from './account-store.ts'
import { requireOtherOwner } from './change-role.ts'
import { lockManagedAccount, type ManagedAccount } from './find-account.ts'
import { deleteMembership, findMember, leaveSessions } from './list-members.ts'
import { lockToManage, refuseOutside } from './lock-to-manage.ts'
import { memberNewsLetter, removedLetter } from './member-letters.ts'
import { writeToMembers } from './write-to-members.ts'

export type RemoveMember = { accountId: string; userId: string; actor: ActorOnAccount }

/**
 * Ends a membership: *Remove*, or *Leave* where members remove themselves. Sessions in the account look at another account
 * of the person, or end. Throws `object.not_found`, `access.role`, `account.last_owner` and `account.managed_outside`.
 */
export async function removeMember(tx: Tx, caps: Caps, command: RemoveMember): Promise<{ left: boolean }> {
  const { accountId, userId, actor } = command
  const at = caps.clock.now()
  const left = actor.type === 'user' && actor.id === userId
  const account = left ? await lockToLeave(tx, command) : await lockToManage(tx, command)
  const member = await findMember(tx, accountId, userId)
  if (!member) throw new AppError('object.not_found')
  const { role, email } = member
  if (!left && role === 'owner') await lockToManage(tx, command, 'owner')
  if (role === 'owner') await requireOtherOwner(tx, account, userId, actor)
  if (!(await deleteMembership(tx, accountId, userId))) throw new AppError('object.not_found')
  const [next] = await listMemberships(tx, userId)
  await leaveSessions(tx, { userId, accountId, next: next?.account.id })
  const told = { accountName: account.name, email, at }
  if (left)
    await writeToMembers(tx, caps, { accountId, audience: 'managers' }, () =>
      memberNewsLetter({ ...told, news: 'left', role }),
    )
  else await queueMail(tx, caps, [email], removedLetter(told))
  const what = left ? 'member.left' : 'member.removed'
  await recordActivity(tx, caps, [accountId], [{ actor, what, object: userId, at, data: { email, role } }])
  return { left }
}

async function lockToLeave(tx: Tx, { accountId, actor }: RemoveMember): Promise<ManagedAccount> {
  const account = await lockManagedAccount(tx, accountId)
  if (!account || (actor.type === 'user' && actor.accountId !== accountId)) throw new AppError('object.not_found')
  refuseOutside(account)
  return account
}
