import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { listMemberships } from './account-store.ts'
import { unlessTaken } from './manage-accounts.ts'
import { insertUserRecord, type UserRecord, updateUserRecord } from './people-store.ts'

export type NewUser = Pick<UserRecord, 'email' | 'name' | 'external_id'> & { operator: boolean }

/**
 * Creates a person without a password and without an account. Throws `account.email_taken` and
 * `people.external_id_taken`.
 */
export async function createUser(
  tx: Tx,
  caps: Caps,
  { user: given, actor }: { user: NewUser; actor: Actor },
): Promise<UserRecord> {
  const at = caps.clock.now()
  const user = { id: caps.ids.next('usr'), ...given, created_at: at }
  await unlessTaken(() => insertUserRecord(tx, user))
  const data = { operator: given.operator }
  await recordActivity(tx, caps, [], [{ actor, what: 'user.created', object: user.id, at, data }])
  return user
}

export type UserChange = Partial<NewUser>

/** Changes a person. Throws `account.email_taken` and `people.external_id_taken`. */
export async function changeUser(
  tx: Tx,
  caps: Caps,
  { user, change, actor }: { user: UserRecord; change: UserChange; actor: Actor },
): Promise<UserRecord> {
  const fields = Object.keys(change)
  if (fields.length === 0) return user
  await unlessTaken(() => updateUserRecord(tx, user.id, change))
  const data = { fields, ...(change.operator !== undefined && { operator: change.operator }) }
  const accounts = (await listMemberships(tx, user.id)).map(({ account }) => account.id)
  const act = { actor, what: 'user.changed', object: user.id, at: caps.clock.now(), data }
  await recordActivity(tx, caps, accounts, [act])
  return { ...user, ...change }
}
