import type { Tx } from '../../db/connect.ts'
import { emailKey, type Role } from './account-store.ts'

export type AccountRecord = {
  id: string
  name: string
  external_id: string | null
  made_by_program: boolean | number
  created_at: number
}
export type UserRecord = {
  id: string
  email: string
  name: string | null
  external_id: string | null
  operator: boolean | number
  created_at: number
}
export type MemberRecord = Pick<UserRecord, 'email' | 'name' | 'external_id'> & {
  user_id: string
  role: Role
  created_at: number
}

type Page = { before: string | undefined; limit: number }
type By = { id: string } | { external_id: string }

const ACCOUNT = ['id', 'name', 'external_id', 'made_by_program', 'created_at'] as const
const USER = ['id', 'email', 'name', 'external_id', 'operator', 'created_at'] as const

const readAccounts = (tx: Tx) =>
  tx('accounts')
    .whereNull('erased_at')
    .select(...ACCOUNT)
const readUsers = (tx: Tx) => tx('users').select(...USER)

export async function findAccountRecord(tx: Tx, by: By): Promise<AccountRecord | undefined> {
  return await readAccounts(tx).where(by).first()
}

export async function pageAccountRecords(tx: Tx, { before, limit }: Page): Promise<AccountRecord[]> {
  const query = readAccounts(tx).orderBy('id', 'desc').limit(limit)
  return await (before === undefined ? query : query.where('id', '<', before))
}

export async function findUserRecord(tx: Tx, by: By): Promise<UserRecord | undefined> {
  return await readUsers(tx).where(by).first()
}

export async function pageUserRecords(tx: Tx, { before, limit }: Page): Promise<UserRecord[]> {
  const query = readUsers(tx).orderBy('id', 'desc').limit(limit)
  return await (before === undefined ? query : query.where('id', '<', before))
}

export async function insertAccountRecord(tx: Tx, row: AccountRecord): Promise<void> {
  await tx('accounts').insert(row)
}

/** Inserts a person without a password: an empty hash matches none. */
export async function insertUserRecord(tx: Tx, row: UserRecord): Promise<void> {
  await tx('users').insert({ ...row, email_key: emailKey(row.email), password_hash: '' })
}

export async function updateAccountRecord(
  tx: Tx,
  id: string,
  change: Partial<Pick<AccountRecord, 'name' | 'external_id'>>,
): Promise<void> {
  await tx('accounts').where({ id }).update(change)
}

export async function updateUserRecord(
  tx: Tx,
  id: string,
  change: Partial<Pick<UserRecord, 'email' | 'name' | 'external_id' | 'operator'>>,
): Promise<void> {
  const key = change.email === undefined ? {} : { email_key: emailKey(change.email) }
  await tx('users')
    .where({ id })
    .update({ ...change, ...key })
}

const readMembers = (tx: Tx, accountId: string) =>
  tx('memberships')
    .join('users', 'users.id', 'memberships.user_id')
    .where('memberships.account_id', accountId)
    .select('users.email', 'users.name', 'users.external_id')
    .select('memberships.user_id', 'memberships.role', 'memberships.created_at')

export async function findMemberRecord(tx: Tx, accountId: string, userId: string): Promise<MemberRecord | undefined> {
  return await readMembers(tx, accountId).where('memberships.user_id', userId).first()
}

/** Members of an account, the newest first, after one of them. */
export async function pageMemberRecords(
  tx: Tx,
  accountId: string,
  { after, limit }: { after: { at: number; userId: string } | undefined; limit: number },
): Promise<MemberRecord[]> {
  const query = readMembers(tx, accountId)
    .orderBy('memberships.created_at', 'desc')
    .orderBy('memberships.user_id', 'desc')
    .limit(limit)
  if (after) query.whereRaw('(memberships.created_at, memberships.user_id) < (?, ?)', [after.at, after.userId])
  return await query
}

export async function updateRole(tx: Tx, accountId: string, userId: string, role: Role): Promise<void> {
  await tx('memberships').where({ account_id: accountId, user_id: userId }).update({ role })
}

/** Ends a membership and the person's sessions in that account. */
export async function deleteMembership(tx: Tx, accountId: string, userId: string): Promise<void> {
  const both = { account_id: accountId, user_id: userId }
  await tx('sessions').where(both).delete()
  await tx('memberships').where(both).delete()
}

export async function countOwners(tx: Tx, accountId: string): Promise<number> {
  const row: { count?: number | string } | undefined = await tx('memberships')
    .where({ account_id: accountId, role: 'owner' })
    .count({ count: '*' })
    .first()
  return Number(row?.count ?? 0)
}
