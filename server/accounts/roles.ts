import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import type { Mode } from '../base/mode.ts'
import { listMemberships, type Membership, type Role } from './account-store.ts'

export type { Membership, Role } from './account-store.ts'

/** What an act concerns: something in live or test mode, or an app that is a draft. Absent: anything. */
export type Scope = Mode | 'draft'

/** `all`, or only what is in test mode or a draft. A role that is not named may not do it. */
type Grants = Partial<Record<Role, 'all' | 'test' | 'draft'>>

/** What each role may do (docs/rules.md 8.3). */
const ABILITIES = {
  /** Install, try again, send again. */
  install: { owner: 'all', admin: 'all', developer: 'test' },
  /** Uninstall, suspend, resume, remove permissions. */
  uninstall: { owner: 'all', admin: 'all', developer: 'test' },
  /** Expire, freeze, edit and rotate keys of either kind; create restricted keys. */
  manage_keys: { owner: 'all', admin: 'all', developer: 'test' },
  /** Everything under `/platform`. */
  publish: { owner: 'all', admin: 'all', developer: 'draft' },
  /** Invite, change roles, remove; not those of owners. Answer requests. */
  manage_members: { owner: 'all', admin: 'all' },
  /** Make and unmake owners, transfer ownership. */
  manage_owners: { owner: 'all' },
  /** Look, and request an install. */
  look: { owner: 'all', admin: 'all', developer: 'all', viewer: 'all' },
} as const satisfies Record<string, Grants>

export type Ability = keyof typeof ABILITIES

/** Every role, the mightiest first. */
export const ROLES = ['owner', 'admin', 'developer', 'viewer'] as const

/** Whether a role may do this to something of that scope; without a scope, to everything. */
export function roleAllows(role: Role, ability: Ability, scope?: Scope): boolean {
  const grants: Grants = ABILITIES[ability]
  const granted = grants[role]
  return granted === 'all' || (granted !== undefined && granted === scope)
}

/**
 * The person's membership in an account, checked now, inside the transaction that acts. Throws `object.not_found` for a
 * stranger and `access.role` for a member whose role does not allow it.
 */
export async function requireAbility(
  tx: Tx,
  userId: string,
  accountId: string,
  ability: Ability,
  scope?: Scope,
): Promise<Membership> {
  const membership = (await listMemberships(tx, userId)).find(({ account }) => account.id === accountId)
  if (!membership) throw new AppError('object.not_found')
  if (!roleAllows(membership.role, ability, scope)) {
    throw new AppError('access.role', {
      detail: `Nothing was changed: you are ${membership.role} of ${membership.account.name}, and this needs ${whoMay(ability, scope)}.`,
    })
  }
  return membership
}

/** `an owner or admin`, as a sentence needs it. */
export function whoMay(ability: Ability, scope?: Scope): string {
  const roles = ROLES.filter(role => roleAllows(role, ability, scope))
  const last = roles.at(-1)
  return roles.length > 1 ? `an ${roles.slice(0, -1).join(', ')} or ${last}` : `an ${last}`
}

/** The memberships in which the person may do something in that scope. */
export function membershipsWith(
  { memberships }: { memberships: readonly Membership[] },
  ability: Ability,
  scope?: Scope,
): Membership[] {
  return memberships.filter(({ role }) => roleAllows(role, ability, scope))
}
