import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { hashSecret, isWellFormedSecret, mintSecret, redactSecret } from '../base/secret-format.ts'
import { findVerifierByHash, insertVerifier } from './verifier-store.ts'

/** Makes a verifier key for a resource server; it is shown once. */
export async function createVerifier(
  tx: Tx,
  { clock, ids, random, keyBrand }: Caps & { keyBrand: string },
  command: { name: string },
): Promise<{ verifierId: string; verifierKey: string }> {
  const verifierId = ids.next('vrf')
  const verifierKey = mintSecret(random, `${keyBrand}v_`)
  await insertVerifier(tx, {
    id: verifierId,
    name: command.name,
    tokenHash: hashSecret(verifierKey),
    redacted: redactSecret(verifierKey),
    at: clock.now(),
  })
  return { verifierId, verifierKey }
}

/** The resource server that a bearer token speaks for, or nothing. */
export async function verifierOfToken(tx: Tx, token: string): Promise<string | undefined> {
  return isWellFormedSecret(token) ? await findVerifierByHash(tx, hashSecret(token)) : undefined
}
