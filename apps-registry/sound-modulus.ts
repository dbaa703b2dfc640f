import type { JWK } from 'jose'

const FEWEST_BITS = 2_048
const MOST_BITS = 8_192
const LEAST_EXPONENT = 65_537n
/** OpenSSL accepts no longer exponent with a long modulus. */
const MOST_EXPONENT = 2n ** 64n - 1n
/** NIST SP 800-89 §5.3.3: a modulus has no factor below 752. */
const SMALL_PRIMES = primesBelow(752)

/**
 * Whether an RSA key protects what is encrypted to it: its size, its exponent (with 1 the ciphertext is the plaintext), and a
 * modulus without small factors (NIST SP 800-89 §5.3.3).
 */
export function isSoundModulus({ n, e }: Pick<JWK, 'n' | 'e'>): boolean {
  const [modulus, exponent] = [integerOf(n), integerOf(e)]
  if (modulus === undefined || exponent === undefined) return false
  const bits = modulus.toString(2).length
  if (bits < FEWEST_BITS || bits > MOST_BITS) return false
  if (exponent % 2n === 0n || exponent < LEAST_EXPONENT || exponent > MOST_EXPONENT) return false
  return SMALL_PRIMES.every(prime => modulus % prime !== 0n)
}

/** Base64urlUInt of RFC 7518 §2. Accepts a leading zero octet, which some libraries write. */
function integerOf(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[\w-]+$/.test(text) || text.length > 2 * MOST_BITS) return undefined
  const hex = Buffer.from(text, 'base64url').toString('hex')
  return hex === '' ? undefined : BigInt(`0x${hex}`)
}

function primesBelow(limit: number): bigint[] {
  const primes: number[] = []
  for (let number = 2; number < limit; number += 1) if (primes.every(prime => number % prime !== 0)) primes.push(number)
  return primes.map(BigInt)
}
