import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Keyring } from '../base/keyring.ts'

const PURPOSE = 'mail-link'

/** A path with the signature that proves that it came by mail. The database has neither, so a copy of it opens nothing. */
export function signPath(keyring: Keyring, path: string): string {
  const [key] = keyring.derive(PURPOSE)
  if (!key) throw new Error('a keyring needs a root secret')
  return `${path}.${signature(key, path).toString('base64url')}`
}

/** The path without its signature; undefined if that is not ours. */
export function openSignedPath(keyring: Keyring, signed: string): string | undefined {
  const end = signed.lastIndexOf('.')
  const path = signed.slice(0, Math.max(0, end))
  const given = Buffer.from(signed.slice(end + 1), 'base64url')
  const ours = keyring.derive(PURPOSE).some(key => {
    const right = signature(key, path)
    return given.length === right.length && timingSafeEqual(given, right)
  })
  return ours ? path : undefined
}

function signature(key: Buffer, path: string): Buffer {
  return createHmac('sha256', key).update(path).digest()
}
