import type { Tx } from '../../db/connect.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { replacePassword } from './account-store.ts'
import { type Doing, writeOfChange } from './security-letters.ts'
import { deleteSessionsOf } from './session-store.ts'

export type ChangePassword = Doing & {
  /** The account whose log says so. */
  accountId: string
  /** The hash that the current password was compared with. */
  before: string
  /** Made before the transaction opens. */
  after: string
  /** Every other session ends. */
  sessionId: string
}

/** Replaces a person's password and ends their other sessions; false if it was changed meanwhile. */
export async function changePassword(tx: Tx, caps: Caps, command: ChangePassword): Promise<boolean> {
  const { userId, ip, before, after, sessionId, accountId } = command
  if (!(await replacePassword(tx, userId, before, after))) return false
  await deleteSessionsOf(tx, userId, { except: sessionId })
  await writeOfChange(tx, caps, { ...command, change: 'password' })
  const actor = { type: 'user' as const, id: userId, ip }
  const act = { actor, what: 'password.changed', object: userId, at: caps.clock.now() }
  await recordActivity(tx, caps, [accountId], [act])
  return true
}
