import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { insertMembership, type Role } from './account-store.ts'
import { lockAccount } from './find-account.ts'
import {
  type AccountRecord,
  countOwners,
  deleteMembership,
  findMemberRecord,
  type MemberRecord,
  type UserRecord,
  updateRole,
} from './people-store.ts'

type Membership = { account: AccountRecord; user: UserRecord; actor: Actor }

/** Makes a person a member of an account, or gives a member another role. Throws `account.last_owner`. */
export async function setMember(
  tx: Tx,
  caps: Caps,
  { account, user, role, actor }: Membership & { role: Role },
): Promise<MemberRecord> {
  const at = caps.clock.now()
  await lockAccount(tx, account.id)
  const before = await findMemberRecord(tx, account.id, user.id)
  if (before?.role === role) return before
  if (before) {
    if (before.role === 'owner') await requireAnotherOwner(tx, account)
    await updateRole(tx, account.id, user.id, role)
  } else await insertMembership(tx, account.id, user.id, role, at)
  const what = before ? 'member.role_changed' : 'member.added'
  await recordActivity(tx, caps, [account.id], [{ actor, what, object: user.id, at, data: { role } }])
  const { email, name, external_id } = user
  return { email, name, external_id, user_id: user.id, role, created_at: before?.created_at ?? at }
}

/** Ends a membership, and the person's sessions in that account. Throws `object.not_found` and `account.last_owner`. */
export async function removeMember(tx: Tx, caps: Caps, { account, user, actor }: Membership): Promise<void> {
  const at = caps.clock.now()
  await lockAccount(tx, account.id)
  const before = await findMemberRecord(tx, account.id, user.id)
  if (!before) throw new AppError('object.not_found')
  if (before.role === 'owner') await requireAnotherOwner(tx, account)
  await deleteMembership(tx, account.id, user.id)
  await recordActivity(tx, caps, [account.id], [{ actor, what: 'member.removed', object: user.id, at }])
}

/** Whether an account may be without an owner: it is managed from outside, or a program has made it. */
export function mayLackOwner({ external_id, made_by_program }: AccountRecord): boolean {
  return external_id !== null || Boolean(made_by_program)
}

/** The account is locked. */
async function requireAnotherOwner(tx: Tx, account: AccountRecord): Promise<void> {
  if (mayLackOwner(account) || (await countOwners(tx, account.id)) > 1) return
  throw new AppError('account.last_owner', { detail: 'Nothing was changed. Make another member an owner first.' })
}
