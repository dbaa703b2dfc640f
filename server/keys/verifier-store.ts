import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'

export async function insertVerifier(
  tx: Tx,
  row: { id: string; name: string; tokenHash: string; redacted: string; at: number },
): Promise<void> {
  await tx('verifiers').insert({
    id: row.id,
    name: row.name,
    token_hash: row.tokenHash,
    redacted: row.redacted,
    created_at: row.at,
  })
  announce(tx, 'verifiers')
}

/** The hashes of all active verifier keys. */
export async function listVerifierHashes(tx: Tx): Promise<string[]> {
  return await tx('verifiers').whereNull('revoked_at').pluck('token_hash')
}

/** Revokes a verifier key; returns false if it was revoked or does not exist. */
export async function endVerifier(tx: Tx, id: string, at: number): Promise<boolean> {
  announce(tx, 'verifiers')
  return (await tx('verifiers').where({ id }).whereNull('revoked_at').update({ revoked_at: at })) === 1
}
