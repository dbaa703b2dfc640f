import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import type { Note } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { listMemberships, type Role } from './account-store.ts'
import { addMembership, endMembership, ensureOutsideAccount, renameAccount, updateRole } from './outside-store.ts'

/** An account of a person, as the operator's own system or OpenID provider lists it. */
export type OutsideAccount = { externalId: string; name: string; role: Role }

type Follow = { userId: string; accounts: readonly OutsideAccount[]; actor: Actor; at: number }

/**
 * Makes a person's memberships those that the outside lists: accounts are made and renamed, roles changed, and what is
 * not listed ends, with the person's sessions there. Returns the ids of the accounts in the order of the list, and what
 * to record.
 */
export async function followMemberships(
  tx: Tx,
  { ids }: Pick<Caps, 'ids'>,
  { userId, accounts, actor, at }: Follow,
): Promise<{ accountIds: string[]; notes: Note[] }> {
  const notes: Note[] = []
  const note = (accountId: string, what: string, object: string, data: Record<string, string> = {}) =>
    notes.push({ accountIds: [accountId], acts: [{ actor, what, object, at, data }] })
  const idOf = new Map<string, string>()
  const sorted = accounts.toSorted((a, b) => (a.externalId < b.externalId ? -1 : 1)) // one order, so that none waits in a circle
  for (const { externalId, name, role } of sorted) {
    const account = await ensureOutsideAccount(tx, { id: ids.next('acct'), name, externalId, at })
    idOf.set(externalId, account.id)
    if (account.made) note(account.id, 'account.created', account.id)
    else if (await renameAccount(tx, account.id, name)) note(account.id, 'account.renamed', account.id, { name })
    if (await addMembership(tx, { accountId: account.id, userId, role, at }))
      note(account.id, 'member.added', userId, { role })
    else if (await updateRole(tx, account.id, userId, role)) note(account.id, 'member.role_changed', userId, { role })
  }
  const listed = new Set(idOf.values())
  for (const { account } of await listMemberships(tx, userId)) {
    if (!listed.has(account.id) && (await endMembership(tx, account.id, userId)))
      note(account.id, 'member.removed', userId)
  }
  return { accountIds: accounts.map(({ externalId }) => idOf.get(externalId) ?? ''), notes }
}
