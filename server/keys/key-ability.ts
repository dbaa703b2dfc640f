import type { Tx } from '../../db/connect.ts'
import { type Ability, requireAbility } from '../accounts/roles.ts'
import type { Key } from './key-store.ts'

/** The ability that a role needs for any act on this key: a developer has test-mode restricted keys only. */
export function abilityFor({ kind, mode }: Pick<Key, 'kind' | 'mode'>): Ability {
  return kind === 'restricted' && mode === 'test' ? 'manage_test_keys' : 'expire_key'
}

/** Checks the role in the transaction that acts. Throws `object.not_found` and `access.role`. */
export async function requireKeyAbility(
  tx: Tx,
  userId: string,
  key: Pick<Key, 'kind' | 'mode' | 'accountId'>,
): Promise<void> {
  await requireAbility(tx, userId, key.accountId, abilityFor(key))
}
