import { announce } from '../../db/changes.ts'
import { lockedOrSkipped, type Tx } from '../../db/connect.ts'
import type { Actor, Outsider } from '../audit/actor.ts'
import type { Act } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import type { ToldExpired } from './tell-expired.ts'

/** Permissions that a version of the manifest no longer has. */
export type Shrink = { version: number; removed: string[]; actor: Actor; at: number }

/** An act on an app, for the log of every account with keys of the app. */
export type AppNews = Omit<Act, 'object'>

/** Work after the response, one batch per transaction; any process can finish it. */
export type BatchJob =
  | { kind: 'settle_keys'; subject: string; data: object }
  | { kind: 'tell_expired'; subject: string; data: ToldExpired }
  | { kind: 'tell_accounts'; subject: string; data: AppNews }
  | { kind: 'shrink_app'; subject: string; data: Shrink }
  | { kind: 'end_app'; subject: string; data: { actor: Outsider } }

/** A job and its progress. */
export type JobRow = {
  id: string
  kind: string
  /** Id of the installation or app. */
  subject: string
  /** JSON. */
  data: string
  /** The last id that was done; empty at the beginning. */
  position: string
}

/** Queues a job that runs after the commit, from a position on. Returns the job's id. */
export async function leaveJob(
  tx: Tx,
  { clock, ids }: Pick<Caps, 'clock' | 'ids'>,
  { kind, subject, data }: BatchJob,
  position: string,
): Promise<string> {
  const id = ids.next('job')
  const row: JobRow = { id, kind, subject, data: JSON.stringify(data), position }
  await tx('batch_jobs').insert({ ...row, created_at: clock.now() })
  announce(tx, 'jobs')
  return id
}

/** Does the first batch now and queues the rest, if any. */
export async function leaveRest(
  tx: Tx,
  caps: Pick<Caps, 'clock' | 'ids'>,
  job: BatchJob,
  advance: (position: string) => Promise<string | undefined>,
): Promise<void> {
  const position = await advance('')
  if (position !== undefined) await leaveJob(tx, caps, job, position)
}

/** The oldest jobs, without those in `but`. */
export async function listJobIds(tx: Tx, but: readonly string[], limit: number): Promise<string[]> {
  return await tx('batch_jobs')
    .whereNotIn('id', [...but])
    .orderBy('id')
    .limit(limit)
    .pluck('id')
}

/** Locks a job until the transaction ends; undefined if another process has locked or finished it. */
export async function lockJob(tx: Tx, id: string): Promise<JobRow | undefined> {
  return await lockedOrSkipped(tx('batch_jobs').where({ id })).first('id', 'kind', 'subject', 'data', 'position')
}

/** Whether a job is unfinished. */
export async function isOpen(tx: Tx, id: string): Promise<boolean> {
  return (await tx('batch_jobs').where({ id }).first('id')) !== undefined
}

/** Records the progress of a job. */
export async function moveJob(tx: Tx, id: string, position: string): Promise<void> {
  await tx('batch_jobs').where({ id }).update({ position })
}

/** Deletes a finished job. */
export async function deleteJob(tx: Tx, id: string): Promise<void> {
  await tx('batch_jobs').where({ id }).delete()
}
