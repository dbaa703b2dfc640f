import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'

export type SigningKeyRow = { kid: string; alg: string; public_jwk: string; private_jwk: string; created_at: number }

/** Published keys, newest first. */
export async function listSigningKeys(tx: Tx): Promise<SigningKeyRow[]> {
  return await tx('signing_keys').whereNull('retired_at').orderBy('created_at', 'desc').orderBy('kid')
}

/** All keys, including those no longer published. */
export async function listEverySigningKey(tx: Tx): Promise<SigningKeyRow[]> {
  return await tx('signing_keys').orderBy('created_at', 'desc').orderBy('kid')
}

export async function insertSigningKey(tx: Tx, row: SigningKeyRow): Promise<void> {
  await tx('signing_keys').insert(row)
  announce(tx, 'signing-keys')
}

/** Removes keys from `/oauth/jwks`; returns how many. */
export async function retireSigningKeys(tx: Tx, kids: readonly string[], at: number): Promise<number> {
  return await tx('signing_keys')
    .whereIn('kid', [...kids])
    .whereNull('retired_at')
    .update({ retired_at: at })
}
