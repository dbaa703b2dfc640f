import type { Tx } from '../../db/connect.ts'
import { findUserRow } from './account-store.ts'

/** How a person is named on pages; nobody in particular where they are gone. */
export async function userEmail(tx: Tx, userId: string): Promise<string> {
  return (await findUserRow(tx, userId))?.email ?? 'a former member'
}
