import { isUniqueViolation, type Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { type Account, insertAccount, insertMembership, insertUser, type User } from './account-store.ts'

/** `passwordHash` is made before the transaction opens, because hashing takes tens of milliseconds. */
export type SignUp = { email: string; passwordHash: string; accountName: string; operator?: boolean; ip: string }

/** Makes a person, their account, and the person its owner. Throws `account.email_taken`. */
export async function signUp(tx: Tx, caps: Caps, command: SignUp): Promise<{ user: User; account: Account }> {
  const { clock, ids } = caps
  const at = clock.now()
  const user: User = { id: ids.next('usr'), email: command.email, operator: command.operator ?? false }
  const account: Account = { id: ids.next('acct'), name: command.accountName }
  try {
    await insertUser(tx, { ...user, passwordHash: command.passwordHash, at })
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    const faults = [{ field: 'email', message: 'There is an account with this email. Sign in instead.' }]
    throw new AppError('account.email_taken', { faults, cause: error })
  }
  await insertAccount(tx, { ...account, at })
  await insertMembership(tx, account.id, user.id, 'owner', at)
  const actor: Actor = { type: 'user', id: user.id, ip: command.ip }
  await recordActivity(tx, caps, [account.id], [{ actor, what: 'account.created', object: account.id, at }])
  return { user, account }
}
