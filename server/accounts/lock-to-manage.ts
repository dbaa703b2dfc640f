import type { Tx } from '../../db/connect.ts'
import type { ActorOnAccount } from '../audit/actor.ts'
import { AppError } from '../base/errors.ts'
import type { Role } from './account-store.ts'
import { lockManagedAccount, type ManagedAccount } from './find-account.ts'
import { requireAbility } from './roles.ts'

/**
 * Locks an account, so that its members change one after another, and checks that the actor may change them now. An owner
 * is changed, and made, by owners only. Throws `object.not_found`, `access.role` and `account.managed_outside`.
 */
export async function lockToManage(
  tx: Tx,
  { accountId, actor }: { accountId: string; actor: ActorOnAccount },
  ...roles: Role[]
): Promise<ManagedAccount> {
  const account = await lockManagedAccount(tx, accountId)
  if (!account || (actor.type === 'user' && actor.accountId !== accountId)) throw new AppError('object.not_found')
  if (actor.type !== 'user') return account
  await requireAbility(tx, actor.id, accountId, roles.includes('owner') ? 'manage_owners' : 'manage_members')
  refuseOutside(account)
  return account
}

/** People change nothing in an account that the operator's own system manages. Throws `account.managed_outside`. */
export function refuseOutside(account: ManagedAccount): void {
  if (account.externalId === null) return
  throw new AppError('account.managed_outside', {
    detail: `Nothing was changed. Who is a member of ${account.name}, and in which role, is decided where the account comes from.`,
  })
}
