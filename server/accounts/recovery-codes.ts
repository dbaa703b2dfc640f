import type { Random } from '../base/random.ts'
import { hashSecret } from '../base/secret-format.ts'

const COUNT = 10
/** Without letters and digits that look alike. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789'
const LENGTH = 16
/** The largest multiple of 31 that fits a byte. */
const UNBIASED = 248

/** Ten codes of 79 bits, as people write them down: `abcd-efgh-jkmn-pqrs`. */
export function newRecoveryCodes(random: Random): string[] {
  return Array.from({ length: COUNT }, () => (newCode(random).match(/.{4}/g) ?? []).join('-'))
}

function newCode(random: Random): string {
  let code = ''
  while (code.length < LENGTH)
    for (const byte of random.bytes(LENGTH))
      if (byte < UNBIASED && code.length < LENGTH) code += ALPHABET[byte % ALPHABET.length]
  return code
}

/** What is stored of a code, however it was typed. */
export function hashRecoveryCode(code: string): string {
  return hashSecret(code.toLowerCase().replaceAll(/[^a-z0-9]/g, ''))
}
