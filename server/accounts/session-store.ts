import type { Tx } from '../../db/connect.ts'
import { deleteFirst } from '../../db/delete-in-batches.ts'

export type SessionRow = {
  id: string
  token_hash: string
  user_id: string
  account_id: string
  ip: string
  user_agent: string
  created_at: number
  seen_at: number
  expires_at: number
}

export async function insertSession(tx: Tx, row: SessionRow): Promise<void> {
  await tx('sessions').insert(row)
}

export async function findSessionRow(tx: Tx, tokenHash: string, at: number): Promise<SessionRow | undefined> {
  return await tx('sessions').where({ token_hash: tokenHash }).where('expires_at', '>', at).first()
}

export async function deleteSession(tx: Tx, tokenHash: string): Promise<SessionRow | undefined> {
  const row: SessionRow | undefined = await tx('sessions').where({ token_hash: tokenHash }).first()
  if (row) await tx('sessions').where({ token_hash: tokenHash }).delete()
  return row
}

export async function updateSessionAccount(tx: Tx, id: string, accountId: string): Promise<void> {
  await tx('sessions').where({ id }).update({ account_id: accountId })
}

export async function deleteExpiredSessions(tx: Tx, at: number, limit: number): Promise<number> {
  const expired = tx('sessions').where('expires_at', '<=', at).orderBy('expires_at')
  return await deleteFirst(tx, 'sessions', ['id'], expired, limit)
}
