import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import { listMemberships, type Membership, type Role } from './account-store.ts'
import type { Session } from './sessions.ts'

export type { Membership } from './account-store.ts'

/** What each role may do (docs/rules.md 8.3). */
const ABILITIES = {
  install: ['owner', 'admin'],
  uninstall: ['owner', 'admin'],
  expire_key: ['owner', 'admin'],
  manage_test_keys: ['owner', 'admin', 'developer'],
  manage_platform: ['owner', 'admin'],
  look: ['owner', 'admin', 'developer', 'viewer'],
} as const satisfies Record<string, readonly Role[]>

export type Ability = keyof typeof ABILITIES

export function roleAllows(role: Role, ability: Ability): boolean {
  return (ABILITIES[ability] as readonly Role[]).includes(role)
}

/**
 * The person's membership in an account, checked now, inside the transaction that acts. Throws `object.not_found` for a
 * stranger and `access.role` for a member whose role does not allow it.
 */
export async function requireAbility(tx: Tx, userId: string, accountId: string, ability: Ability): Promise<Membership> {
  const membership = (await listMemberships(tx, userId)).find(({ account }) => account.id === accountId)
  if (!membership) throw new AppError('object.not_found')
  if (!roleAllows(membership.role, ability)) {
    throw new AppError('access.role', {
      detail: `Nothing was changed: you are ${membership.role} of ${membership.account.name}, and this needs ${whoMay(ability)}.`,
    })
  }
  return membership
}

function whoMay(ability: Ability): string {
  const roles: readonly Role[] = ABILITIES[ability]
  return `an ${roles.slice(0, -1).join(', ')} or ${roles.at(-1)}`
}

/** The memberships in which the person may do something. */
export function membershipsWith(session: Session, ability: Ability): Membership[] {
  return session.memberships.filter(({ role }) => roleAllows(role, ability))
}
