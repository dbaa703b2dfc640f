import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'

export type VerifierRow = {
  id: string
  name: string
  token_hash: string
  redacted: string
  created_at: number
  revoked_at: number | null
}

export async function insertVerifier(tx: Tx, row: VerifierRow): Promise<void> {
  await tx('verifiers').insert(row)
  announce(tx, 'verifiers')
}

/** The hashes of all active verifier keys. */
export async function listVerifierHashes(tx: Tx): Promise<string[]> {
  return await tx('verifiers').whereNull('revoked_at').pluck('token_hash')
}

export async function listVerifierRows(
  tx: Tx,
  { before, limit }: { before: string | undefined; limit: number },
): Promise<VerifierRow[]> {
  const query = tx('verifiers').orderBy('id', 'desc').limit(limit)
  return await (before === undefined ? query : query.where('id', '<', before))
}

/** Revokes a verifier key; returns false if it was revoked or does not exist. */
export async function endVerifier(tx: Tx, id: string, at: number): Promise<boolean> {
  announce(tx, 'verifiers')
  return (await tx('verifiers').where({ id }).whereNull('revoked_at').update({ revoked_at: at })) === 1
}
