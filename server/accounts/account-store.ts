import type { Tx } from '../../db/connect.ts'

export type Role = 'owner' | 'admin' | 'developer' | 'viewer'

export type Account = { id: string; name: string }
export type User = { id: string; email: string; operator: boolean }
export type Membership = { account: Account; role: Role }

export type UserRow = { id: string; email: string; password_hash: string; operator: boolean | number }

const toUser = (row: UserRow): User => ({ id: row.id, email: row.email, operator: Boolean(row.operator) })

/** The host in the email of somebody who came without one (RFC 2606 §2); no mail is sent there. */
const NO_EMAIL = 'no-email.invalid'

/** What stands for the email of somebody who came without one. */
export function noEmail(userId: string): string {
  return `${userId.toLowerCase()}@${NO_EMAIL}`
}

/** Lower-cased for comparison: the local part is compared without case, as every large mail provider does. */
export function emailKey(email: string): string {
  return email.normalize('NFKC').toLowerCase()
}

export async function insertUser(tx: Tx, user: User & { passwordHash: string; at: number }): Promise<void> {
  await tx('users').insert({
    id: user.id,
    email: user.email,
    email_key: emailKey(user.email),
    password_hash: user.passwordHash,
    operator: user.operator,
    created_at: user.at,
  })
}

export async function insertAccount(tx: Tx, account: Account & { at: number }): Promise<void> {
  await tx('accounts').insert({ id: account.id, name: account.name, created_at: account.at })
}

export async function insertMembership(
  tx: Tx,
  accountId: string,
  userId: string,
  role: Role,
  at: number,
): Promise<void> {
  await tx('memberships').insert({ account_id: accountId, user_id: userId, role, created_at: at })
}

export async function findCredentials(
  tx: Tx,
  email: string,
): Promise<{ user: User; passwordHash: string } | undefined> {
  const row: UserRow | undefined = await tx('users')
    .where({ email_key: emailKey(email) })
    .first()
  return row && { user: toUser(row), passwordHash: row.password_hash }
}

/** Whether it is the person's first sign-in, which is written down. */
export async function noteFirstSignIn(tx: Tx, userId: string, at: number): Promise<boolean> {
  return (await tx('users').where({ id: userId }).whereNull('signed_in_at').update({ signed_in_at: at })) === 1
}

/** The hash of a person's password; empty for somebody who has none here. */
export async function findPasswordHash(tx: Tx, userId: string): Promise<string | undefined> {
  const row: Pick<UserRow, 'password_hash'> | undefined = await tx('users').where({ id: userId }).first('password_hash')
  return row?.password_hash
}

/** Replaces the password that was compared; false if it has changed since. */
export async function replacePassword(tx: Tx, userId: string, before: string, after: string): Promise<boolean> {
  return (await tx('users').where({ id: userId, password_hash: before }).update({ password_hash: after })) === 1
}

export async function findUserRow(tx: Tx, userId: string): Promise<User | undefined> {
  const row: UserRow | undefined = await tx('users').where({ id: userId }).first()
  return row && toUser(row)
}

/** The person with this address, however it is written. */
export async function findUserByEmail(tx: Tx, email: string): Promise<User | undefined> {
  const row: UserRow | undefined = await tx('users')
    .where({ email_key: emailKey(email) })
    .first()
  return row && toUser(row)
}

/** Notes that a person has opened a link that was sent to their address; the first time counts. */
export async function confirmEmail(tx: Tx, userId: string, at: number): Promise<void> {
  await tx('users').where({ id: userId }).whereNull('email_confirmed_at').update({ email_confirmed_at: at })
}

/** All memberships of a person, oldest first. */
export async function listMemberships(tx: Tx, userId: string): Promise<Membership[]> {
  const rows: { id: string; name: string; role: Role }[] = await tx('memberships')
    .join('accounts', 'accounts.id', 'memberships.account_id')
    .where({ user_id: userId })
    .orderBy('memberships.created_at')
    .select('accounts.id', 'accounts.name', 'memberships.role')
  return rows.map(({ id, name, role }) => ({ account: { id, name }, role }))
}

/** Addresses of the members who have one of these roles. */
export async function listEmails(tx: Tx, accountId: string, roles: readonly Role[]): Promise<string[]> {
  return await tx('memberships')
    .join('users', 'users.id', 'memberships.user_id')
    .where({ account_id: accountId })
    .whereIn('role', [...roles])
    .whereNot('users.email', 'like', `%@${NO_EMAIL}`)
    .orderBy('users.id')
    .pluck('users.email')
}
