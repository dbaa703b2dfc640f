import type { Tx } from '../../db/connect.ts'
import { emailKey, type Role } from './account-store.ts'

export type OutsideUser = { id: string; email: string; name: string | null }

/** A person by the id that the operator's own system gives them. */
export async function findUserByExternalId(tx: Tx, externalId: string): Promise<OutsideUser | undefined> {
  return await tx('users').where({ external_id: externalId }).first('id', 'email', 'name')
}

/** A person by who they are at an OpenID provider (OpenID Connect Core §5.7). */
export async function findUserByIdentity(tx: Tx, issuer: string, subject: string): Promise<OutsideUser | undefined> {
  return await tx('identities')
    .join('users', 'users.id', 'identities.user_id')
    .where({ issuer, subject })
    .first('users.id', 'users.email', 'users.name')
}

/** Locks a person until the transaction ends, so that two sign-ins change their memberships one after the other. */
export async function lockUser(tx: Tx, id: string): Promise<void> {
  const query = tx('users').where({ id })
  await (tx.client.config.client === 'pg' ? query.forNoKeyUpdate() : query).first('id')
}

type NewUser = OutsideUser & { externalId: string | null; confirmedAt: number | null; at: number }

/** Whether the person was made; false where the email or the external id belongs to somebody. */
export async function insertOutsideUser(tx: Tx, user: NewUser): Promise<boolean> {
  const rows: unknown[] = await tx('users')
    .insert({
      id: user.id,
      email: user.email,
      email_key: emailKey(user.email),
      password_hash: '',
      operator: false,
      created_at: user.at,
      external_id: user.externalId,
      name: user.name,
      email_confirmed_at: user.confirmedAt,
    })
    .onConflict()
    .ignore()
    .returning('id')
  return rows.length > 0
}

/** Whether the identity was written; false where it belongs to somebody. */
export async function insertIdentity(
  tx: Tx,
  identity: { issuer: string; subject: string; userId: string; at: number },
): Promise<boolean> {
  const { issuer, subject, userId, at } = identity
  const rows: unknown[] = await tx('identities')
    .insert({ issuer, subject, user_id: userId, created_at: at })
    .onConflict()
    .ignore()
    .returning('user_id')
  return rows.length > 0
}

export async function isEmailTaken(tx: Tx, email: string, exceptUserId: string): Promise<boolean> {
  const row: unknown = await tx('users')
    .where({ email_key: emailKey(email) })
    .whereNot({ id: exceptUserId })
    .first('id')
  return row !== undefined
}

export async function updateOutsideUser(
  tx: Tx,
  id: string,
  values: { email: string; name: string | null; confirmedAt: number | null },
): Promise<void> {
  const { email, name, confirmedAt } = values
  await tx('users')
    .where({ id })
    .update({ email, email_key: emailKey(email), name, email_confirmed_at: confirmedAt })
}

export type OutsideAccountRow = { id: string; name: string }

/** The account with an external id, made where there is none; another program may make it at the same time. */
export async function ensureOutsideAccount(
  tx: Tx,
  account: OutsideAccountRow & { externalId: string; at: number },
): Promise<OutsideAccountRow & { made: boolean }> {
  const { id, name, externalId, at } = account
  const made: unknown[] = await tx('accounts')
    .insert({ id, name, external_id: externalId, created_at: at })
    .onConflict('external_id')
    .ignore()
    .returning('id')
  if (made.length > 0) return { id, name, made: true }
  const row: OutsideAccountRow = await tx('accounts').where({ external_id: externalId }).first('id', 'name')
  return { ...row, made: false }
}

/** Whether the name changed. */
export async function renameAccount(tx: Tx, id: string, name: string): Promise<boolean> {
  return (await tx('accounts').where({ id }).whereNot({ name }).update({ name })) > 0
}

/** Whether the person became a member; false where they are one. */
export async function addMembership(
  tx: Tx,
  member: { accountId: string; userId: string; role: Role; at: number },
): Promise<boolean> {
  const { accountId, userId, role, at } = member
  const rows: unknown[] = await tx('memberships')
    .insert({ account_id: accountId, user_id: userId, role, created_at: at })
    .onConflict(['account_id', 'user_id'])
    .ignore()
    .returning('user_id')
  return rows.length > 0
}

/** Whether the role changed. */
export async function updateRole(tx: Tx, accountId: string, userId: string, role: Role): Promise<boolean> {
  const changed = tx('memberships').where({ account_id: accountId, user_id: userId }).whereNot({ role })
  return (await changed.update({ role })) > 0
}

/** Whether the membership ended now. The person's sessions in the account end with it. */
export async function endMembership(tx: Tx, accountId: string, userId: string): Promise<boolean> {
  const member = { account_id: accountId, user_id: userId }
  const ended = await tx('memberships').where(member).delete()
  await tx('sessions').where(member).delete()
  return ended > 0
}
