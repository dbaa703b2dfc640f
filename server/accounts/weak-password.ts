import { readFileSync } from 'node:fs'
import { emailKey } from './account-store.ts'

/** The 10,000 commonest passwords, and the longer ones among the next 40,000 (docs/sign-in.md). Read when first needed. */
let common: ReadonlySet<string> | undefined

/** Why a password is too easy to guess, as a sentence for its field; undefined if it is not. */
export function weaknessOf(password: string, email: string): string | undefined {
  const folded = password.normalize('NFKC').trim().toLowerCase()
  if (folded === emailKey(email).trim()) return 'Choose something else than your email.'
  common ??= new Set(readFileSync(new URL('./common-passwords.txt', import.meta.url), 'utf8').split('\n'))
  return common.has(folded) ? 'Many people use this password. Choose another one.' : undefined
}
