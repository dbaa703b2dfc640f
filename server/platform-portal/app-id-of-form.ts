import { createHmac } from 'node:crypto'
import type { Keyring } from '../base/keyring.ts'

/** Crockford's base 32, as in every identifier. */
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'
const TIME = 'app_'.length + 10

/**
 * The id of the app that a form makes: the same for each submit of a form in an account, so that a double submit makes
 * one app. It keeps the time of the form's own id, and the rest cannot be chosen, so that no form reveals which ids
 * exist.
 */
export function appIdOfForm({ keyring }: { keyring: Keyring }, accountId: string, formId: string): string {
  const [key] = keyring.derive('app-form')
  if (!key) throw new Error('the keyring has no root secret')
  const digest = createHmac('sha256', key).update(`${accountId}:${formId}`).digest()
  return formId.slice(0, TIME) + [...digest.subarray(0, 16)].map(byte => DIGITS[byte % 32]).join('')
}
