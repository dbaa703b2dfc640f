import type { Tx } from '../../db/connect.ts'
import { jsonRows } from '../../db/json-rows.ts'

export type AttemptRow = {
  delivery_id: string
  number: number
  at: number
  status: number | null
  ms: number
  error: string | null
  answer: string
}

export type NewAttempt = Omit<AttemptRow, 'number'>

const ATTEMPT = {
  delivery_id: 'text',
  at: 'integer',
  status: 'integer',
  ms: 'integer',
  error: 'text',
  answer: 'text',
} as const

/** Appends attempts to each delivery's log; an attempt that is already stored is skipped. */
export async function insertAttempts(tx: Tx, attempts: readonly NewAttempt[]): Promise<void> {
  const firsts = [
    ...new Map(attempts.toReversed().map(attempt => [attempt.delivery_id, attempt])).values(),
  ].toReversed()
  if (firsts.length === 0) return
  const rows = firsts.map(({ delivery_id, at, status, ms, error, answer }) => [
    delivery_id,
    at,
    status,
    ms,
    error,
    answer,
  ])
  await tx.raw(
    `insert into delivery_attempts (delivery_id, number, at, status, ms, error, answer)
     select new.delivery_id,
       (select coalesce(max(a.number), 0) + 1 from delivery_attempts as a where a.delivery_id = new.delivery_id),
       new.at, new.status, new.ms, new.error, new.answer
     from (?) as new
     where (select count(*) from delivery_attempts as a where a.delivery_id = new.delivery_id and a.at = new.at) = 0`,
    [jsonRows(tx, ATTEMPT, rows)],
  )
  await insertAttempts(
    tx,
    attempts.filter(attempt => !firsts.includes(attempt)),
  )
}
