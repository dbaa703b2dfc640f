import type { Tx } from '../../db/connect.ts'
import { deleteFirst } from '../../db/delete-in-batches.ts'
import type { Role, UserRow } from './account-store.ts'

export type SessionRow = {
  id: string
  token_hash: string
  user_id: string
  account_id: string
  ip: string
  user_agent: string
  created_at: number
  seen_at: number
  authenticated_at: number
  expires_at: number
}

export async function insertSession(tx: Tx, row: SessionRow): Promise<void> {
  await tx('sessions').insert(row)
}

export type SessionWithMembership = Pick<SessionRow, 'id' | 'user_id' | 'account_id' | 'authenticated_at' | 'seen_at'> &
  Pick<UserRow, 'email' | 'operator'> & { member_of: string; account_name: string; role: Role }

/** A session whose last use is not after `seenAfter` has ended. */
type Moments = { at: number; seenAfter: number }

/** An active session with its person, one row for each of their memberships, oldest first: one statement a page. */
export async function listSessionRows(
  tx: Tx,
  tokenHash: string,
  { at, seenAfter }: Moments,
): Promise<SessionWithMembership[]> {
  return await tx('sessions')
    .join('users', 'users.id', 'sessions.user_id')
    .join('memberships', 'memberships.user_id', 'users.id')
    .join('accounts', 'accounts.id', 'memberships.account_id')
    .where('sessions.token_hash', tokenHash)
    .where('sessions.expires_at', '>', at)
    .where('sessions.seen_at', '>', seenAfter)
    .orderBy('memberships.created_at')
    .select('sessions.id', 'sessions.user_id', 'sessions.account_id', 'sessions.authenticated_at', 'sessions.seen_at')
    .select('users.email', 'users.operator', 'memberships.role')
    .select('accounts.id as member_of', 'accounts.name as account_name')
}

export async function deleteSession(tx: Tx, tokenHash: string): Promise<SessionRow | undefined> {
  const row: SessionRow | undefined = await tx('sessions').where({ token_hash: tokenHash }).first()
  if (row) await tx('sessions').where({ token_hash: tokenHash }).delete()
  return row
}

export async function updateSessionAccount(tx: Tx, id: string, accountId: string): Promise<void> {
  await tx('sessions').where({ id }).update({ account_id: accountId })
}

export async function updateSessionSeen(tx: Tx, id: string, at: number): Promise<void> {
  await tx('sessions').where({ id }).where('seen_at', '<', at).update({ seen_at: at })
}

/** The sessions of a person that have not ended, the one that was used last first. */
export async function listSessionsOf(tx: Tx, userId: string, { at, seenAfter }: Moments): Promise<SessionRow[]> {
  return await tx('sessions')
    .where({ user_id: userId })
    .where('expires_at', '>', at)
    .where('seen_at', '>', seenAfter)
    .orderBy('seen_at', 'desc')
    .orderBy('id', 'desc')
}

/** Deletes sessions of a person: one, or all but one. Returns those that were there. */
export async function deleteSessionsOf(
  tx: Tx,
  userId: string,
  which: { only: string } | { except: string | undefined },
): Promise<SessionRow[]> {
  const query = tx('sessions').where({ user_id: userId })
  if ('only' in which) query.where({ id: which.only })
  else if (which.except !== undefined) query.whereNot({ id: which.except })
  const rows: SessionRow[] = await query.clone()
  return (await query.delete()) === 0 ? [] : rows // somebody else was first
}

export async function deleteExpiredSessions(tx: Tx, at: number, limit: number): Promise<number> {
  const expired = tx('sessions').where('expires_at', '<=', at).orderBy('expires_at')
  return await deleteFirst(tx, 'sessions', ['id'], expired, limit)
}
