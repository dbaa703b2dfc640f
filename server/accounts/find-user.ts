import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import { findCredentials, findUserRow, listMemberships } from './account-store.ts'

export { emailKey } from './account-store.ts'

/** How a person is named on pages; a general term if they were deleted. */
export async function userEmail(tx: Tx, userId: string): Promise<string> {
  return (await findUserRow(tx, userId))?.email ?? 'a former member'
}

/** A person as an account may know them: its own members by e-mail, anybody else only as the account that they belong to. */
export async function personSeenFrom(
  tx: Tx,
  accountId: string,
  userId: string,
): Promise<{ name: string; stranger: boolean }> {
  const accounts = (await listMemberships(tx, userId)).map(({ account }) => account)
  if (accounts.some(({ id }) => id === accountId)) return { name: await userEmail(tx, userId), stranger: false }
  const [only, ...more] = accounts
  if (!only) return { name: 'a former member', stranger: true }
  return { name: more.length === 0 ? only.name : 'another account', stranger: true } // a person may have several accounts; only the first is shown
}

/** A person by their email, and the account that they joined first. Throws `object.not_found`, `access.no_account`. */
export async function findPersonByEmail(tx: Tx, email: string): Promise<{ id: string; accountId: string }> {
  const found = await findCredentials(tx, email)
  if (!found) throw new AppError('object.not_found', { detail: 'There is no person with this email.' })
  const [first] = await listMemberships(tx, found.user.id)
  if (!first) throw new AppError('access.no_account')
  return { id: found.user.id, accountId: first.account.id }
}
