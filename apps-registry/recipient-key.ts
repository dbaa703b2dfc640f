import { type CryptoKey, importJWK, type JWK } from 'jose'
import { z } from 'zod'
import type { Fault } from '../server/base/errors.ts'

/** The public key of a platform that its managed keys are sealed to, with the algorithm of RFC 7518 §4 for it. */
export type RecipientKey = { kid: string; alg: 'RSA-OAEP-256' | 'ECDH-ES+A256KW'; jwk: JWK }

const RSA_BITS = 2_048
const WRONG_KIND = 'an encryption key must be RSA of 2048 bits or more, EC P-256 or X25519'
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

const jwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(20) })

export type ParsedJwks = { keys: JWK[]; recipient: RecipientKey; fault?: undefined } | { fault: Fault }

/** Reads a JWK Set (RFC 7517 §5) and finds the first key to seal to; `field` is named in the fault. */
export async function parseJwks(input: unknown, field: 'jwks' | 'jwks_uri'): Promise<ParsedJwks> {
  const parsed = jwksSchema.safeParse(input)
  if (!parsed.success) return { fault: { field, message: 'must be a JWK Set with 1 to 20 keys' } }
  const keys = parsed.data.keys as JWK[]
  if (keys.some(key => key.kty === 'oct' || PRIVATE_MEMBERS.some(member => member in key))) {
    return { fault: { field, message: 'must hold public keys only; a private key was sent and must be replaced' } }
  }
  let reason = 'must hold at least one key with "use": "enc"'
  for (const jwk of keys.filter(key => key.use === 'enc')) {
    const verdict = await asRecipient(jwk)
    if (typeof verdict !== 'string') return { keys, recipient: verdict }
    reason = verdict
  }
  return { fault: { field, message: reason } }
}

async function asRecipient(jwk: JWK): Promise<RecipientKey | string> {
  const alg = algorithmOf(jwk)
  if (!alg) return WRONG_KIND
  if (jwk.alg !== undefined && jwk.alg !== alg)
    return `an encryption key names the algorithm ${jwk.alg}; it must be ${alg}`
  if (typeof jwk.kid !== 'string' || jwk.kid === '' || jwk.kid.length > 200) return 'an encryption key must have a kid'
  try {
    const key = (await importJWK(jwk, alg)) as CryptoKey
    // Counted on the key itself: leading zeros make a modulus look longer than it is.
    const { modulusLength = RSA_BITS } = key.algorithm as { modulusLength?: number }
    return modulusLength < RSA_BITS ? WRONG_KIND : { kid: jwk.kid, alg, jwk }
  } catch {
    return 'an encryption key is not a valid key'
  }
}

function algorithmOf(jwk: JWK): RecipientKey['alg'] | undefined {
  if (jwk.kty === 'RSA') return 'RSA-OAEP-256'
  const curve = (jwk.kty === 'EC' && jwk.crv === 'P-256') || (jwk.kty === 'OKP' && jwk.crv === 'X25519')
  return curve ? 'ECDH-ES+A256KW' : undefined
}
