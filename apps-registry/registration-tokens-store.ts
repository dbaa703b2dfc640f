import type { Tx } from '../db/connect.ts'

export type TokenRow = { id: string; redacted: string; created_at: number }

/** A token is named by the beginning of its hash, which says nothing about the token. */
const ID = 'substr(token_hash, 1, 16)'

/** The registration tokens of a platform that work, the newest first. */
export async function listTokenRows(tx: Tx, platformId: string): Promise<TokenRow[]> {
  return await tx('registration_tokens')
    .where({ platform_id: platformId })
    .whereNull('revoked_at')
    .orderBy('created_at', 'desc')
    .orderBy('token_hash')
    .select(tx.raw(`${ID} as id`), 'redacted', 'created_at')
}

/** Revokes a registration token; returns false if it was revoked or does not exist. */
export async function revokeToken(tx: Tx, platformId: string, id: string, at: number): Promise<boolean> {
  const changed = await tx('registration_tokens')
    .where({ platform_id: platformId })
    .whereRaw(`${ID} = ?`, [id])
    .whereNull('revoked_at')
    .update({ revoked_at: at })
  return changed === 1
}
