import type { Tx } from '../../db/connect.ts'
import type { Role } from './account-store.ts'

export type Member = { userId: string; email: string; name: string | null; role: Role; seenAt: number | null }

/** One page of an account's members, those who joined first first, after one of them. `seenAt`: in this account. */
export async function pageMembers(
  tx: Tx,
  { accountId, after, limit }: { accountId: string; after: string | undefined; limit: number },
): Promise<Member[]> {
  const seen = tx('sessions')
    .where({ account_id: accountId })
    .where('sessions.user_id', tx.ref('users.id'))
    .max('seen_at')
    .as('seen_at')
  const page = tx('memberships')
    .join('users', 'users.id', 'memberships.user_id')
    .where('memberships.account_id', accountId)
    .orderBy('users.id')
    .limit(limit)
    .select('users.id', 'users.email', 'users.name', 'memberships.role', seen)
  const rows: { id: string; email: string; name: string | null; role: Role; seen_at: number | string | null }[] =
    await (after === undefined ? page : page.where('users.id', '>', after))
  return rows.map(({ id, seen_at, ...row }) => ({
    ...row,
    userId: id,
    seenAt: seen_at === null ? null : Number(seen_at),
  }))
}

export async function findMember(
  tx: Tx,
  accountId: string,
  userId: string,
): Promise<{ userId: string; email: string; role: Role } | undefined> {
  return await tx('memberships')
    .join('users', 'users.id', 'memberships.user_id')
    .where({ account_id: accountId, user_id: userId })
    .first('user_id as userId', 'email', 'role')
}

export async function isMemberByEmail(tx: Tx, accountId: string, emailKey: string): Promise<boolean> {
  const found = await tx('memberships')
    .join('users', 'users.id', 'memberships.user_id')
    .where({ account_id: accountId, email_key: emailKey })
    .first('user_id')
  return found !== undefined
}

/** Whether anybody else owns the account. Ask with its row locked. */
export async function hasOtherOwner(tx: Tx, accountId: string, userId: string): Promise<boolean> {
  const other = await tx('memberships')
    .where({ account_id: accountId, role: 'owner' })
    .whereNot({ user_id: userId })
    .first('user_id')
  return other !== undefined
}

/** Returns whether the member had the role `from` until now. */
export async function updateRole(
  tx: Tx,
  { accountId, userId, from, to }: { accountId: string; userId: string; from: Role; to: Role },
): Promise<boolean> {
  const member = { account_id: accountId, user_id: userId, role: from }
  return (await tx('memberships').where(member).update({ role: to })) > 0
}

export async function deleteMembership(tx: Tx, accountId: string, userId: string): Promise<boolean> {
  return (await tx('memberships').where({ account_id: accountId, user_id: userId }).delete()) > 0
}

/** Sessions of a person that look at one account look at another one, or end if there is none. */
export async function leaveSessions(
  tx: Tx,
  { userId, accountId, next }: { userId: string; accountId: string; next: string | undefined },
): Promise<void> {
  const looking = tx('sessions').where({ user_id: userId, account_id: accountId })
  if (next === undefined) await looking.delete()
  else await looking.update({ account_id: next })
}
