import type { Tx } from '../../db/connect.ts'
import { DAY } from '../base/clock.ts'
import { openMails } from './mail-store.ts'

/** Keeps the remaining wait of pending mails when the clock was set back `by` (negative) to `at`. */
export async function moveMails(tx: Tx, { at, by }: { at: number; by: number }): Promise<void> {
  for (const column of ['next_attempt_at', 'lease_until'])
    await openMails(tx)
      .where(column, '>', at)
      .update({ [column]: tx.raw('?? + ?', [column, by]) })
}

/** Makes due the mails that a wrong clock queued after `latest`, or that would wait longer than a day. */
export async function correctMails(tx: Tx, at: number, latest: number): Promise<void> {
  await openMails(tx)
    .where('next_attempt_at', '>', at)
    .where(wrong => wrong.where('created_at', '>', latest).orWhere('next_attempt_at', '>', at + DAY))
    .update({ next_attempt_at: at })
}
