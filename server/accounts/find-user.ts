import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import { findCredentials, findUserRow, listMemberships } from './account-store.ts'

export { emailKey } from './account-store.ts'

/** A person by their id. */
export async function findUser(tx: Tx, userId: string): Promise<{ email: string } | undefined> {
  return await findUserRow(tx, userId)
}

/** How a person is named on pages; a general term if they were deleted. */
export async function userEmail(tx: Tx, userId: string): Promise<string> {
  return (await findUserRow(tx, userId))?.email ?? 'a former member'
}

/** A person by their email, and the account that they joined first. Throws `object.not_found`, `access.no_account`. */
export async function findPersonByEmail(tx: Tx, email: string): Promise<{ id: string; accountId: string }> {
  const found = await findCredentials(tx, email)
  if (!found) throw new AppError('object.not_found', { detail: 'There is no person with this email.' })
  const [first] = await listMemberships(tx, found.user.id)
  if (!first) throw new AppError('access.no_account')
  return { id: found.user.id, accountId: first.account.id }
}
