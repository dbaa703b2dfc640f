import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import type { Random } from './random.ts'

/** Encrypts values that must be decrypted again, with one key per purpose derived from the root secret. */
export type Keyring = {
  /** The ids of the root secrets, the current one first. A ciphertext begins with the id of its root secret. */
  roots: readonly string[]
  /** AES-256-GCM; `purpose` and `context` are authenticated, so that a ciphertext cannot be moved to another row. */
  encrypt(purpose: string, context: string, plaintext: string): string
  /** Throws if the ciphertext was made under an unknown root secret, for another purpose or context, or was altered. */
  decrypt(purpose: string, context: string, ciphertext: string): string
  /** The derived keys for one purpose, one per root secret, the current one first; for signed cookies. */
  derive(purpose: string): Buffer[]
}

const IV = 12
const TAG = 16

/** `secrets`: the root secrets; the first encrypts, the others only decrypt (docs/root-secret.md). */
export function createKeyring(secrets: readonly string[], random: Random): Keyring {
  const roots = secrets.map(secret => ({
    id: createHash('sha256').update(`id:${secret}`).digest('base64url').slice(0, 8),
    secret,
  }))
  const [current] = roots
  if (!current) throw new Error('a keyring needs a root secret')
  const derived = new Map<string, Buffer>()

  function keyOf(root: { id: string; secret: string }, purpose: string): Buffer {
    const name = `${root.id}:${purpose}`
    let key = derived.get(name)
    if (!key) {
      key = Buffer.from(hkdfSync('sha256', root.secret, 'latchkey', purpose, 32))
      derived.set(name, key)
    }
    return key
  }

  return {
    roots: roots.map(root => root.id),
    encrypt(purpose, context, plaintext) {
      const iv = random.bytes(IV)
      const cipher = createCipheriv('aes-256-gcm', keyOf(current, purpose), iv).setAAD(Buffer.from(context))
      const sealed = Buffer.concat([iv, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `${current.id}.${sealed.toString('base64url')}`
    },
    decrypt(purpose, context, ciphertext) {
      const [id, body = ''] = ciphertext.split('.')
      const root = roots.find(candidate => candidate.id === id)
      if (!root) throw new Error(`no root secret for a ciphertext of "${purpose}"`)
      const sealed = Buffer.from(body, 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', keyOf(root, purpose), sealed.subarray(0, IV), {
        authTagLength: TAG,
      })
      decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(-TAG))
      return Buffer.concat([decipher.update(sealed.subarray(IV, -TAG)), decipher.final()]).toString('utf8')
    },
    derive: purpose => roots.map(root => keyOf(root, purpose)),
  }
}
