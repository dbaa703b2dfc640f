import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** The largest multiple of 62 that fits in a byte: higher bytes are drawn again, so that all letters are equally likely. */
const UNBIASED = 248

/** The source of randomness: a cryptographically secure generator outside tests. */
export type Random = {
  bytes(length: number): Buffer
  /** Uniform in [0, 1); for jitter, never for secrets. */
  fraction(): number
}

export const systemRandom: Random = {
  bytes: randomBytes,
  fraction: () => randomBytes(4).readUInt32BE() / 2 ** 32,
}

/** `length` characters of [0-9A-Za-z], each equally likely. */
export function alphanumeric(random: Random, length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of random.bytes(length)) {
      if (byte < UNBIASED && text.length < length) text += ALPHABET[byte % 62]
    }
  }
  return text
}

/** A bearer secret of 256 bits for cookies, base64url. */
export function opaqueToken(random: Random): string {
  return random.bytes(32).toString('base64url')
}

/** `value` in base 62 with the digits 0-9A-Za-z, left-padded with `0`. */
export function base62(value: number, width: number): string {
  let rest = value
  let text = ''
  do {
    text = ALPHABET[rest % 62] + text
    rest = Math.floor(rest / 62)
  } while (rest > 0)
  return text.padStart(width, '0')
}
