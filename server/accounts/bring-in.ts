import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { type Note, recordNotes } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { insertAccount, insertMembership, listMemberships, noEmail } from './account-store.ts'
import { followMemberships, type OutsideAccount } from './follow-memberships.ts'
import {
  findUserByExternalId,
  findUserByIdentity,
  insertIdentity,
  insertOutsideUser,
  isEmailTaken,
  lockUser,
  type OutsideUser,
  updateOutsideUser,
} from './outside-store.ts'

/** Who somebody is elsewhere: by the operator's own id, or at an OpenID provider (OpenID Connect Core §5.7). Never an email. */
export type Known = { externalId: string } | { issuer: string; subject: string }

export type BringIn = {
  known: Known
  /** Absent where the outside knows none. */
  email: string | undefined
  /** Whether the outside vouches for the email. */
  confirmed: boolean
  name: string | undefined
  /** Absent where the outside knows of none: then the person gets one account, named after them. */
  accounts: readonly OutsideAccount[] | undefined
  actor: Actor
}

/**
 * Finds or makes a person who comes from outside, and lets their email, name, accounts and roles follow. Two people are
 * never joined by an email: throws `account.email_taken`, which names `emailField`.
 */
export async function bringIn(
  tx: Tx,
  caps: Caps,
  command: BringIn,
  emailField = 'email',
): Promise<{ userId: string; accountIds: string[] }> {
  const at = caps.clock.now()
  const taken = () =>
    new AppError('account.email_taken', {
      detail: 'Nobody was signed in, and nothing was changed. Two people are never joined by their email.',
      faults: [{ field: emailField, message: 'belongs to another person' }],
    })
  const found = await find(tx, command.known)
  const user = found ?? (await make(tx, caps, command, at)) ?? (await find(tx, command.known))
  if (!user) throw taken()
  await lockUser(tx, user.id)
  if (found && !(await follow(tx, found, command, at))) throw taken()
  const { userId, accountIds, notes } = await giveAccounts(tx, caps, user.id, command, at)
  await recordNotes(tx, caps, notes)
  return { userId, accountIds }
}

async function find(tx: Tx, known: Known): Promise<OutsideUser | undefined> {
  if ('externalId' in known) return await findUserByExternalId(tx, known.externalId)
  return await findUserByIdentity(tx, known.issuer, known.subject)
}

/** Nothing where the email is taken, or where another process makes the same person now. */
async function make(tx: Tx, { ids }: Caps, command: BringIn, at: number): Promise<OutsideUser | undefined> {
  const { known, name, email, confirmed } = command
  const id = ids.next('usr')
  const user = { id, email: email ?? noEmail(id), name: name ?? null, confirmedAt: email && confirmed ? at : null, at }
  if ('externalId' in known)
    return (await insertOutsideUser(tx, { ...user, externalId: known.externalId })) ? user : undefined
  const free = (await findUserByExternalId(tx, known.subject)) === undefined
  if (!(await insertOutsideUser(tx, { ...user, externalId: free ? known.subject : null }))) return undefined
  if (!(await insertIdentity(tx, { ...known, userId: id, at })))
    throw new AppError('service.busy', { retryAfter: 1, detail: 'Nothing was changed. Sign in again.' })
  return user
}

/** Whether the person could take what the outside says of them now; false where the email is another person's. */
async function follow(tx: Tx, user: OutsideUser, command: BringIn, at: number): Promise<boolean> {
  const email = command.email ?? user.email
  const name = command.name ?? user.name
  if (email === user.email && name === user.name) return true
  if (await isEmailTaken(tx, email, user.id)) return false
  await updateOutsideUser(tx, user.id, { email, name, confirmedAt: command.confirmed ? at : null })
  return true
}

async function giveAccounts(
  tx: Tx,
  caps: Caps,
  userId: string,
  { accounts, actor, name, email, known }: BringIn,
  at: number,
): Promise<{ userId: string; accountIds: string[]; notes: Note[] }> {
  if (accounts) return { userId, ...(await followMemberships(tx, caps, { userId, accounts, actor, at })) }
  const own = await listMemberships(tx, userId)
  if (own.length > 0) return { userId, accountIds: own.map(({ account }) => account.id), notes: [] }
  const id = caps.ids.next('acct')
  const called = name ?? email ?? ('subject' in known ? known.subject : known.externalId)
  await insertAccount(tx, { id, name: called.slice(0, 120), at })
  await insertMembership(tx, id, userId, 'owner', at)
  const acts = [{ actor, what: 'account.created', object: id, at }]
  return { userId, accountIds: [id], notes: [{ accountIds: [id], acts }] }
}
