import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import type { AppNews } from '../key-life/tell-accounts.ts'
import { insertJob } from './batch-job-store.ts'
import type { ToldExpired } from './tell-expired.ts'

/** What a version of the manifest took away. */
export type Shrink = { version: number; removed: string[]; actor: Actor; at: number }

/** What goes on after its answer, a batch a transaction, and is finished by whichever process comes. */
export type BatchJob =
  | { kind: 'settle_keys'; subject: string; data: object }
  | { kind: 'tell_expired'; subject: string; data: ToldExpired }
  | { kind: 'tell_accounts'; subject: string; data: AppNews }
  | { kind: 'shrink_app'; subject: string; data: Shrink }
  | { kind: 'end_app'; subject: string; data: { actor: Actor } }

/** Leaves work for after the commit, from a position on. Returns the job's id. */
export async function leaveJob(
  tx: Tx,
  { clock, ids }: Pick<Caps, 'clock' | 'ids'>,
  { kind, subject, data }: BatchJob,
  position: string,
): Promise<string> {
  const id = ids.next('job')
  await insertJob(tx, { id, kind, subject, data: JSON.stringify(data), position, at: clock.now() })
  return id
}

/** Does the first batch of some work now, and leaves the rest, where there is any. */
export async function leaveRest(
  tx: Tx,
  caps: Pick<Caps, 'clock' | 'ids'>,
  job: BatchJob,
  advance: (position: string) => Promise<string | undefined>,
): Promise<void> {
  const position = await advance('')
  if (position !== undefined) await leaveJob(tx, caps, job, position)
}
