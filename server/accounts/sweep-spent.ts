import type { Database } from '../../db/connect.ts'
import { deleteFirst, deleteInBatches } from '../../db/delete-in-batches.ts'
import { DAY } from '../base/clock.ts'

/** Deletes records of second sign-in steps that have expired; returns how many. A step cannot be repeated after its end. */
export async function sweepUsedChallenges(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, async (tx, limit) => {
    const expired = tx('used_challenges').where('expires_at', '<=', at).orderBy('expires_at')
    return await deleteFirst(tx, 'used_challenges', ['id'], expired, limit)
  })
}

/** Deletes mailed links a day after they expired; returns how many. Until then they limit how often one is sent. */
export async function sweepMailLinks(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, async (tx, limit) => {
    const expired = tx('mail_links')
      .where('expires_at', '<=', at - DAY)
      .orderBy('expires_at')
    return await deleteFirst(tx, 'mail_links', ['id'], expired, limit)
  })
}
