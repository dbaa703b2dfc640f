import type { Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'

/** A person as an account may know them; a stranger is somebody who is not one of its members. */
export type SeenPerson = { name: string; stranger: boolean; deleted?: boolean }

type SeenRow = {
  id: string
  email: string
  name: string | null
  account_id: string | null
  account_name: string | null
}

/**
 * People as an account may know them: its own members by name or e-mail, others only as the account that they belong to,
 * and people who were deleted by a general term.
 */
export async function peopleSeenFrom(
  tx: Tx,
  accountId: string,
  userIds: readonly string[],
): Promise<(userId: string) => SeenPerson> {
  const rows: SeenRow[] = await tx('users')
    .leftJoin('memberships', 'memberships.user_id', 'users.id')
    .leftJoin('accounts', 'accounts.id', 'memberships.account_id')
    .whereRaw(isAmong(tx, 'users.id', [...new Set(userIds)]))
    .orderBy('memberships.created_at')
    .select('users.id', 'users.email', 'users.name', { account_id: 'accounts.id', account_name: 'accounts.name' })
  const byPerson = Map.groupBy(rows, ({ id }) => id)
  return userId => seen(accountId, byPerson.get(userId) ?? [])
}

function seen(accountId: string, memberships: readonly SeenRow[]): SeenPerson {
  if (memberships.length === 0) return { name: 'A former member', stranger: true, deleted: true }
  const own = memberships.find(({ account_id }) => account_id === accountId)
  if (own) return { name: own.name ?? own.email, stranger: false }
  const [only, ...more] = memberships.flatMap(({ account_name }) => account_name ?? [])
  if (only === undefined) return { name: 'A former member', stranger: true }
  return { name: more.length === 0 ? only : 'Another account', stranger: true } // a person may have several accounts
}

/** The members of an account by their names, in the order of their ids. */
export async function listMemberNames(
  tx: Tx,
  accountId: string,
  limit: number,
): Promise<{ id: string; name: string }[]> {
  const rows: { id: string; email: string; name: string | null }[] = await tx('memberships')
    .join('users', 'users.id', 'memberships.user_id')
    .where({ account_id: accountId })
    .orderBy('memberships.user_id')
    .limit(limit)
    .select('users.id', 'users.email', 'users.name')
  return rows.map(({ id, email, name }) => ({ id, name: name ?? email }))
}
