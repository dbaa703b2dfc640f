import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import type { Key } from './key-store.ts'

/** Checks the role in the transaction that acts. Throws `object.not_found` and `access.role`. */
export async function requireKeyAbility(
  tx: Tx,
  userId: string,
  { mode, accountId }: Pick<Key, 'mode' | 'accountId'>,
): Promise<void> {
  await requireAbility(tx, userId, accountId, 'manage_keys', mode)
}
