import type { Tx } from '../../db/connect.ts'
import { DAY } from '../base/clock.ts'
import { openMails } from './mail-store.ts'

/** Mails that wait go out as long after now as they would have, had the clock not been set back `by` (negative) to `at`. */
export async function moveMails(tx: Tx, { at, by }: { at: number; by: number }): Promise<void> {
  for (const column of ['next_attempt_at', 'lease_until'])
    await openMails(tx)
      .where(column, '>', at)
      .update({ [column]: tx.raw('?? + ?', [column, by]) })
}

/** Mails that were queued after `latest`, by a clock that was wrong, or that would wait longer than a day, are due. */
export async function correctMails(tx: Tx, at: number, latest: number): Promise<void> {
  await openMails(tx)
    .where('next_attempt_at', '>', at)
    .where(wrong => wrong.where('created_at', '>', latest).orWhere('next_attempt_at', '>', at + DAY))
    .update({ next_attempt_at: at })
}
