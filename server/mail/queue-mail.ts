import { announce } from '../../db/changes.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import type { Caps } from '../base/caps.ts'
import { DAY } from '../base/clock.ts'
import { onOneLine } from '../base/one-line.ts'
import type { Letter } from './letter.ts'
import { deleteFailedBefore, insertMail } from './mail-store.ts'

/**
 * Writes a letter to each of these addresses in the caller's transaction; it is sent after the commit, or not at all. No
 * name in it makes lines of its own.
 */
export async function queueMail(
  tx: Tx,
  { clock, ids }: Pick<Caps, 'clock' | 'ids'>,
  to: readonly string[],
  letter: Letter,
): Promise<void> {
  const mail = { template: letter.kind, model: JSON.stringify(letter, onOneLines), created_at: clock.now() }
  for (const recipient of new Set(to)) await insertMail(tx, { id: ids.next('mail'), recipient, ...mail })
  announce(tx, 'mails')
}

const onOneLines = (_name: string, value: unknown) => (typeof value === 'string' ? onOneLine(value) : value)

/** Deletes failed mails after 30 days; returns how many. */
export async function sweepMails(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, (tx, limit) => deleteFailedBefore(tx, at - 30 * DAY, limit))
}
