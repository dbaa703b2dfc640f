import type { Tx } from '../../db/connect.ts'
import { deleteFirst } from '../../db/delete-in-batches.ts'

export type MailRow = {
  id: string
  recipient: string
  template: string
  /** JSON. */
  model: string
  created_at: number
  attempts: number
  lease: string
}

export type NewMail = Omit<MailRow, 'attempts' | 'lease'>

export async function insertMail(tx: Tx, mail: NewMail): Promise<void> {
  await tx('mails').insert({ ...mail, attempts: 0, next_attempt_at: mail.created_at })
}

export const openMails = (tx: Tx) => tx('mails').whereRaw('failed_at is null') // a literal, as in the index

/** Leases due mails to one process. On PostgreSQL, mails that another process is claiming are skipped. */
export async function claimMails(
  tx: Tx,
  { lease, at, until, most }: { lease: string; at: number; until: number; most: number },
): Promise<MailRow[]> {
  const due = openMails(tx)
    .where('next_attempt_at', '<=', at)
    .where(free => free.whereNull('lease_until').orWhere('lease_until', '<=', at))
    .orderBy('next_attempt_at')
    .limit(most)
    .select('id')
  const rows: { id: string }[] = await (tx.client.config.client === 'pg' ? due.forUpdate().skipLocked() : due)
  const ids = rows.map(({ id }) => id)
  if (ids.length === 0) return []
  await tx('mails').whereIn('id', ids).update({ lease, lease_until: until })
  return await tx('mails').whereIn('id', ids)
}

/** Leases are searched among the first mails only; this is more than all processes lease. */
const LOOKED_THROUGH = 1_000

/** When the next unleased mail is due, or a lease ends. */
export async function nextMailAt(tx: Tx): Promise<number | undefined> {
  const free: { due: number } | undefined = await openMails(tx)
    .whereRaw('(lease_until is null or lease_until <= next_attempt_at)')
    .orderBy('next_attempt_at')
    .first('next_attempt_at as due')
  const first = openMails(tx).orderBy('next_attempt_at').limit(LOOKED_THROUGH).select('next_attempt_at', 'lease_until')
  const leased: { end: number | null } | undefined = await tx
    .from(first.as('first'))
    .whereRaw('lease_until > next_attempt_at')
    .min({ end: 'lease_until' })
    .first()
  const times = [free?.due, leased?.end ?? undefined].filter(time => time !== undefined)
  return times.length > 0 ? Math.min(...times) : undefined
}

type LeasedMail = Pick<MailRow, 'id' | 'lease'>

/** Deletes a mail that was sent. */
export async function deleteMail(tx: Tx, { id, lease }: LeasedMail): Promise<void> {
  await tx('mails').where({ id, lease }).delete()
}

const freed = { lease: null, lease_until: null }

export async function postponeMail(
  tx: Tx,
  { id, lease }: LeasedMail,
  nextAttemptAt: number,
  error: string,
): Promise<void> {
  const change = { ...freed, next_attempt_at: nextAttemptAt, attempts: tx.raw('attempts + 1'), error }
  await tx('mails').where({ id, lease }).update(change)
}

export async function giveMailUp(tx: Tx, { id, lease }: LeasedMail, at: number, error: string): Promise<void> {
  await tx('mails')
    .where({ id, lease })
    .update({ ...freed, failed_at: at, attempts: tx.raw('attempts + 1'), error })
}

export async function deleteFailedBefore(tx: Tx, at: number, limit: number): Promise<number> {
  const failed = tx('mails').where('failed_at', '<', at).orderBy('failed_at')
  return await deleteFirst(tx, 'mails', ['id'], failed, limit)
}

/** Counting stops here, so that a scrape costs the same however long the queue is. */
const MOST_COUNTED = 50_000

/** The number of pending mails, counted up to a bound. */
export async function countOpenMails(tx: Tx, most = MOST_COUNTED): Promise<number> {
  const some = openMails(tx).orderBy('next_attempt_at').limit(most).select('id')
  const row: { count?: number | string } | undefined = await tx.from(some.as('some')).count({ count: '*' }).first()
  return Number(row?.count ?? 0)
}
