import { createHmac } from 'node:crypto'
import type { Keyring } from '../base/keyring.ts'

/** Crockford's base 32, as in every identifier. */
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'
const TIME = 'app_'.length + 10

/**
 * The id of the app that a form makes: always the same one for a form of an account, so that pressing twice makes one app.
 * It keeps the time of the form's own id, and nobody can choose the rest, so that no form finds out which ids are taken.
 */
export function appIdOfForm({ keyring }: { keyring: Keyring }, accountId: string, formId: string): string {
  const [key] = keyring.derive('app-form')
  if (!key) throw new Error('the keyring has no root secret')
  const digest = createHmac('sha256', key).update(`${accountId}:${formId}`).digest()
  return formId.slice(0, TIME) + [...digest.subarray(0, 16)].map(byte => DIGITS[byte % 32]).join('')
}
