import type { Tx } from '../../db/connect.ts'
import { deleteFirst } from '../../db/delete-in-batches.ts'

export type SignInLinkRow = {
  token_hash: string
  user_id: string
  account_id: string
  return_to: string | null
  state_hash: string | null
  authenticated_at: number
  expires_at: number
}

export async function insertSignInLink(tx: Tx, row: SignInLinkRow): Promise<void> {
  await tx('sign_in_links').insert(row)
}

/** A link that has neither been used nor lapsed, with whom it is for. */
export async function findSignInLink(
  tx: Tx,
  tokenHash: string,
  at: number,
): Promise<(SignInLinkRow & { email: string; name: string | null; account_name: string }) | undefined> {
  return await tx('sign_in_links')
    .join('users', 'users.id', 'sign_in_links.user_id')
    .join('accounts', 'accounts.id', 'sign_in_links.account_id')
    .where({ token_hash: tokenHash })
    .where('expires_at', '>', at)
    .first('sign_in_links.*', 'users.email', 'users.name', 'accounts.name as account_name')
}

/** Whether the link was there to be used. */
export async function deleteSignInLink(tx: Tx, tokenHash: string, at: number): Promise<boolean> {
  return (await tx('sign_in_links').where({ token_hash: tokenHash }).where('expires_at', '>', at).delete()) > 0
}

export async function deleteLapsedSignInLinks(tx: Tx, at: number, limit: number): Promise<number> {
  const lapsed = tx('sign_in_links').where('expires_at', '<=', at).orderBy('expires_at')
  return await deleteFirst(tx, 'sign_in_links', ['token_hash'], lapsed, limit)
}
