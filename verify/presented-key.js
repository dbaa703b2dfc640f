import { crc32 } from 'node:zlib'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const CHECKSUM = 6

/**
 * The value of `Authorization: Bearer` (RFC 6750 §2.1); other schemes and sources are ignored.
 * @param {import('node:http').IncomingMessage} req
 * @returns {{ key: string | undefined, repeated: boolean }}
 */
export function bearerOf(req) {
  const headers = req.headersDistinct?.['authorization'] ?? [req.headers.authorization ?? '']
  return { key: /^Bearer +(.*)$/i.exec(headers[0] ?? '')?.[1]?.trim() || undefined, repeated: headers.length > 1 }
}

/**
 * Whether the text has the form of a managed or restricted key: prefix, 32 characters and a valid CRC-32. If not, no request
 * is needed.
 * @param {string} text
 */
export function isWellFormedKey(text) {
  return /^[a-z]{2,8}[mr]_(?:live|test)_[0-9A-Za-z]{38}$/.test(text) && hasChecksum(text)
}

/** @param {string} text */
export function isWellFormedVerifierKey(text) {
  return /^[a-z]{2,8}v_[0-9A-Za-z]{38}$/.test(text) && hasChecksum(text)
}

/** @param {string} text */
function hasChecksum(text) {
  let rest = crc32(text.slice(0, -CHECKSUM))
  for (let at = text.length - 1; at >= text.length - CHECKSUM; at -= 1) {
    if (text[at] !== DIGITS[rest % 62]) return false
    rest = Math.floor(rest / 62)
  }
  return true
}
