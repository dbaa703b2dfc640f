import { Secret, TOTP } from 'otpauth'
import { SECOND } from '../base/clock.ts'
import type { Random } from '../base/random.ts'

/** What authenticator apps support everywhere: SHA-1, six digits, 30 s (RFC 6238 §4, §5.2). */
const PERIOD = 30 * SECOND
/** Codes of the step before and after are accepted too: clocks of phones differ. */
const SKEW = 1
const SECRET_BYTES = 20

/** A new secret in base 32, as authenticator apps take it. */
export function newTotpSecret(random: Random): string {
  return new Secret({ buffer: new Uint8Array(random.bytes(SECRET_BYTES)).buffer }).base32
}

/** The address that a QR code has for an authenticator app. */
export function totpAddress(secret: string, { issuer, label }: { issuer: string; label: string }): string {
  return new TOTP({ issuer, label, secret }).toString()
}

/** The time step whose code this is, in steps since 1970; undefined if it is of none that is accepted now. */
export function stepOfCode(secret: string, code: string, now: number): number | undefined {
  const token = code.replaceAll(/[\s-]/g, '')
  if (!/^\d{6}$/.test(token)) return undefined
  const delta = new TOTP({ secret }).validate({ token, timestamp: now, window: SKEW })
  return delta === null ? undefined : Math.floor(now / PERIOD) + delta
}
