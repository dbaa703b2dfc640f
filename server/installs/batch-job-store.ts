import { announce } from '../../db/changes.ts'
import { heldAtOnce, type Tx } from '../../db/connect.ts'

/** Work that goes on after its answer, in batches: what it is about, and how far it has come. */
export type JobRow = {
  id: string
  kind: string
  /** The installation or app that it is about. */
  subject: string
  /** JSON. */
  data: string
  /** What was done last; empty at the beginning. */
  position: string
}

export async function insertJob(tx: Tx, job: JobRow & { at: number }): Promise<void> {
  const { at, ...row } = job
  await tx('batch_jobs').insert({ ...row, created_at: at })
  announce(tx, 'jobs')
}

/** Some jobs, the oldest first, but for some. */
export async function listJobIds(tx: Tx, but: readonly string[], limit: number): Promise<string[]> {
  return await tx('batch_jobs')
    .whereNotIn('id', [...but])
    .orderBy('id')
    .limit(limit)
    .pluck('id')
}

/** Holds a job until the transaction ends; undefined where another process has it, or has finished it. */
export async function holdJob(tx: Tx, id: string): Promise<JobRow | undefined> {
  return await heldAtOnce(tx('batch_jobs').where({ id })).first('id', 'kind', 'subject', 'data', 'position')
}

export async function isOpen(tx: Tx, id: string): Promise<boolean> {
  return (await tx('batch_jobs').where({ id }).first('id')) !== undefined
}

export async function moveJob(tx: Tx, id: string, position: string): Promise<void> {
  await tx('batch_jobs').where({ id }).update({ position })
}

export async function deleteJob(tx: Tx, id: string): Promise<void> {
  await tx('batch_jobs').where({ id }).delete()
}
