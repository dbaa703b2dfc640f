import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { alphanumeric, base62, type Random } from './random.ts'

const BODY = 32
const CHECKSUM = 6

/**
 * A new secret (docs/wire.md#keys-and-other-secrets): `prefix`, 32 random characters and a checksum of six. The prefix includes
 * its last underscore, for example `lkm_live_`.
 */
export function mintSecret(random: Random, prefix: string): string {
  const body = prefix + alphanumeric(random, BODY)
  return body + checksum(body)
}

/** Whether `text` has the form and the checksum of a secret of any brand; if not, no lookup is needed. */
export function isWellFormedSecret(text: string): boolean {
  if (text.length > 64 || !/^[a-z]{2,8}(?:[mr]_(?:live|test)|[avt])_[0-9A-Za-z]{38}$/.test(text)) return false
  return text.slice(-CHECKSUM) === checksum(text.slice(0, -CHECKSUM))
}

/** The visible part of a secret: its prefix, an ellipsis and the last four characters. */
export function redactSecret(secret: string): string {
  return `${secret.slice(0, secret.lastIndexOf('_') + 1)}…${secret.slice(-4)}`
}

/** `text` with every secret in it redacted; for URLs that somebody may have pasted a key into. */
export function redactSecrets(text: string): string {
  return text.replace(/[a-z]{2,8}(?:[mr]_(?:live|test)|[avt])_[0-9A-Za-z]{38}/g, redactSecret)
}

/** What the database stores of a high-entropy secret: its SHA-256, base64url. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'base64url')
}

function checksum(body: string): string {
  return base62(crc32(body), CHECKSUM)
}
