import type { Tx } from '../../db/connect.ts'
import { recordNotes } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { type Doing, writeOfChange } from './security-letters.ts'
import { deleteSessionsOf } from './session-store.ts'

/** Ends one session of a person, or all but one. Throws `object.not_found` for one that is not theirs. */
export async function endSessions(
  tx: Tx,
  caps: Caps,
  { which, ...doing }: Doing & { which: { only: string } | { except: string } },
): Promise<void> {
  const ended = await deleteSessionsOf(tx, doing.userId, which)
  if ('only' in which && ended.length === 0) throw new AppError('object.not_found')
  if (ended.length === 0) return
  await writeOfChange(tx, caps, { ...doing, change: 'only' in which ? 'session' : 'sessions' })
  const actor = { type: 'user' as const, id: doing.userId, ip: doing.ip }
  const at = caps.clock.now()
  const notes = ended.map(({ id, account_id }) => ({
    accountIds: [account_id],
    acts: [{ actor, what: 'session.ended', object: id, at }],
  }))
  await recordNotes(tx, caps, notes)
}
