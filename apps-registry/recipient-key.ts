import { CompactEncrypt, importJWK, type JWK } from 'jose'
import type { Fault } from '../server/base/errors.ts'
import { type JwksField, readJwks } from './read-jwks.ts'
import { isSoundModulus } from './sound-modulus.ts'

/** The public key that a platform's managed keys are sealed to, with its algorithm (RFC 7518 §4). */
export type RecipientKey = { kid: string; alg: 'RSA-OAEP-256' | 'ECDH-ES+A256KW'; jwk: JWK }

export type ParsedJwks = { keys: JWK[]; recipient: RecipientKey; fault?: undefined } | { fault: Fault }

const WRONG_KIND = 'an encryption key must be RSA of 2048 to 8192 bits with e from 65537 on, EC P-256 or X25519'
const INVALID = 'an encryption key is not a valid key'
const COORDINATE = /^[\w-]{43}$/ // 32 octets (RFC 7518 §6.2.1.2, RFC 7748 §5)

/** Reads a JWK Set (RFC 7517 §5) and returns the first usable encryption key; faults name `field`. */
export async function parseJwks(input: unknown, field: JwksField): Promise<ParsedJwks> {
  const read = readJwks(input, field)
  if (read.fault) return read
  let reason = 'must contain at least one usable key with "use": "enc"'
  for (const jwk of read.keys.filter(key => key.use === 'enc')) {
    const verdict = await asRecipient(jwk)
    if (typeof verdict !== 'string') return { keys: read.keys, recipient: verdict }
    reason = verdict
  }
  return { fault: { field, message: reason } }
}

async function asRecipient(jwk: JWK): Promise<RecipientKey | string> {
  const alg = algorithmOf(jwk)
  if (!alg) return WRONG_KIND
  if (jwk.alg !== undefined && jwk.alg !== alg)
    return `an encryption key names the algorithm ${jwk.alg}; it must be ${alg}`
  if (jwk.kid === undefined || jwk.kid === '' || jwk.kid.length > 200)
    return 'an encryption key must have a kid of 1 to 200 characters'
  if (jwk.kty === 'RSA' && !isSoundModulus(jwk)) return WRONG_KIND
  const points = jwk.kty === 'RSA' ? [] : jwk.kty === 'EC' ? [jwk.x, jwk.y] : [jwk.x]
  if (!points.every(point => COORDINATE.test(point ?? ''))) return INVALID
  return (await canSeal(jwk, alg)) ? { kid: jwk.kid, alg, jwk } : INVALID
}

function algorithmOf(jwk: JWK): RecipientKey['alg'] | undefined {
  if (jwk.kty === 'RSA') return 'RSA-OAEP-256'
  const curve = (jwk.kty === 'EC' && jwk.crv === 'P-256') || (jwk.kty === 'OKP' && jwk.crv === 'X25519')
  return curve ? 'ECDH-ES+A256KW' : undefined
}

/** Results of recent trials: a trial takes as long as sealing, and an app rarely changes its key. */
const tried = new Map<string, boolean>()
const MOST_TRIED = 1_000

/** Seals a trial text: only that reveals points outside the curve and of small order (RFC 7748 §6.1). */
async function canSeal(jwk: JWK, alg: RecipientKey['alg']): Promise<boolean> {
  const name = JSON.stringify([alg, jwk])
  const known = tried.get(name)
  if (known !== undefined) return known
  const verdict = await trySeal(jwk, alg)
  const [oldest] = tried.keys()
  if (tried.size >= MOST_TRIED && oldest !== undefined) tried.delete(oldest)
  tried.set(name, verdict)
  return verdict
}

async function trySeal(jwk: JWK, alg: RecipientKey['alg']): Promise<boolean> {
  try {
    const key = await importJWK(jwk, alg)
    await new CompactEncrypt(new Uint8Array(1)).setProtectedHeader({ alg, enc: 'A256GCM' }).encrypt(key)
    return true
  } catch {
    return false
  }
}
