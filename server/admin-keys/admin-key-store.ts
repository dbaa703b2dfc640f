import type { Tx } from '../../db/connect.ts'

export type AdminKeyRow = {
  id: string
  name: string
  token_hash: string
  redacted: string
  /** JSON. */
  scopes: string
  /** JSON; null where every address is allowed. */
  addresses: string | null
  created_at: number
  expires_at: number | null
  revoked_at: number | null
}

export async function insertAdminKey(tx: Tx, row: AdminKeyRow): Promise<void> {
  await tx('admin_keys').insert(row)
}

export async function findAdminKeyRow(tx: Tx, tokenHash: string): Promise<AdminKeyRow | undefined> {
  return await tx('admin_keys').where({ token_hash: tokenHash }).first()
}

/** All of them, the newest first. */
export async function listAdminKeyRows(tx: Tx): Promise<AdminKeyRow[]> {
  return await tx('admin_keys').orderBy('id', 'desc')
}

export async function listAdminKeyNames(tx: Tx, ids: readonly string[]): Promise<Pick<AdminKeyRow, 'id' | 'name'>[]> {
  return await tx('admin_keys').whereIn('id', ids).select('id', 'name')
}

/** Ends an admin key; false if it has ended or there is none. */
export async function endAdminKey(tx: Tx, id: string, at: number): Promise<boolean> {
  return (await tx('admin_keys').where({ id }).whereNull('revoked_at').update({ revoked_at: at })) === 1
}
