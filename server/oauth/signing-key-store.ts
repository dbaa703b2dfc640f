import type { Tx } from '../../db/connect.ts'

export type SigningKeyRow = { kid: string; alg: string; public_jwk: string; private_jwk: string; created_at: number }

/** The newest first. */
export async function listSigningKeys(tx: Tx): Promise<SigningKeyRow[]> {
  return await tx('signing_keys').whereNull('retired_at').orderBy('created_at', 'desc')
}

export async function insertSigningKey(tx: Tx, row: SigningKeyRow): Promise<void> {
  await tx('signing_keys').insert(row)
}
