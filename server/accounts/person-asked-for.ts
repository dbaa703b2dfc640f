import { SECOND } from '../base/clock.ts'
import { isId } from '../base/ids.ts'
import { emailKey, type User } from './account-store.ts'
import type { Session } from './sessions.ts'

/** Whether the password was entered longer ago than `maxAge` seconds (OpenID Connect Core §3.1.2.1). */
export function isOlderThan({ authenticatedAt }: Session, maxAge: number, now: number): boolean {
  return now - authenticatedAt > maxAge * SECOND
}

/** Whether a `login_hint` names another person: only an email or a user id can. */
export function namesAnother(hint: string | undefined, user: User): boolean {
  if (hint === undefined) return false
  const isEmail = hint.includes('@')
  return isEmail ? emailKey(hint) !== emailKey(user.email) : isId('usr', hint) && hint !== user.id
}
