import type { Tx } from '../../db/connect.ts'
import { deleteFirst } from '../../db/delete-in-batches.ts'
import { emailKey, type Role } from './account-store.ts'

export type Invitation = {
  id: string
  accountId: string
  email: string
  role: Role
  invitedBy: string | null
  createdAt: number
  expiresAt: number
}

type Row = {
  id: string
  account_id: string
  email: string
  role: Role
  invited_by: string | null
  created_at: number
  expires_at: number
}

const toInvitation = (row: Row): Invitation => ({
  id: row.id,
  accountId: row.account_id,
  email: row.email,
  role: row.role,
  invitedBy: row.invited_by,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
})

export async function insertInvitation(tx: Tx, invitation: Invitation & { tokenHash: string }): Promise<void> {
  await tx('invitations').insert({
    id: invitation.id,
    account_id: invitation.accountId,
    email: invitation.email,
    email_key: emailKey(invitation.email),
    role: invitation.role,
    token_hash: invitation.tokenHash,
    invited_by: invitation.invitedBy,
    created_at: invitation.createdAt,
    expires_at: invitation.expiresAt,
  })
}

/** Those of an account, the oldest first, with those that have ended unanswered. */
export async function listInvitations(tx: Tx, accountId: string): Promise<Invitation[]> {
  const rows: Row[] = await tx('invitations').where({ account_id: accountId }).orderBy('id')
  return rows.map(toInvitation)
}

export async function findInvitation(tx: Tx, accountId: string, id: string): Promise<Invitation | undefined> {
  const row: Row | undefined = await tx('invitations').where({ account_id: accountId, id }).first()
  return row && toInvitation(row)
}

/** One that has not ended. */
export async function findByToken(tx: Tx, tokenHash: string, at: number): Promise<Invitation | undefined> {
  const row: Row | undefined = await tx('invitations')
    .where({ token_hash: tokenHash })
    .where('expires_at', '>', at)
    .first()
  return row && toInvitation(row)
}

/** A new token ends the one before. Returns whether the invitation was still there. */
export async function renewInvitation(
  tx: Tx,
  id: string,
  { tokenHash, expiresAt }: { tokenHash: string; expiresAt: number },
): Promise<boolean> {
  return (await tx('invitations').where({ id }).update({ token_hash: tokenHash, expires_at: expiresAt })) > 0
}

/** Returns whether it was there: of two who use it at once, one does. */
export async function deleteInvitation(tx: Tx, id: string): Promise<boolean> {
  return (await tx('invitations').where({ id }).delete()) > 0
}

export async function deleteEndedInvitations(tx: Tx, before: number, limit: number): Promise<number> {
  const ended = tx('invitations').where('expires_at', '<', before).orderBy('expires_at')
  return await deleteFirst(tx, 'invitations', ['id'], ended, limit)
}
