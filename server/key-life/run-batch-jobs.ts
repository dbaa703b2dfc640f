import { setTimeout } from 'node:timers/promises'
import type { Database, Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { SECOND } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type BatchJob, deleteJob, isOpen, type JobRow, listJobIds, lockJob, moveJob } from '../installs/batch-jobs.ts'
import { settleInstallation } from '../installs/settle-installation.ts'
import { tellExpired } from '../installs/tell-expired.ts'
import { endNext } from './end-app.ts'
import { shrinkNext } from './shrink-app.ts'
import { tellAccounts } from './tell-accounts.ts'

export type JobCaps = Caps & { database: Database; log: Log; publicUrl: string }

/** The most jobs that take turns. */
const AT_ONCE = 50
/**
 * Wait between two batches, in milliseconds: as long as the batch took, within these bounds, so that other writers on
 * SQLite get half of the time.
 */
const [DELAY, LONGEST_DELAY] = [2, 25]
/** Wait before a job that failed, or that another process had locked, is tried again. */
const AGAIN = 15 * SECOND

/**
 * Runs the queued jobs: one batch of each in turn, each in its own transaction, which also moves the position of the job,
 * so that another process can continue after a crash and nothing is done twice. A job that fails is skipped until the next
 * run. Returns when to run again.
 */
export async function runBatchJobs(caps: JobCaps, progress = () => {}): Promise<number | undefined> {
  const { database, clock, log } = caps
  const passed = new Set<string>()
  for (;;) {
    const ids = await database.read(tx => listJobIds(tx, [...passed], AT_ONCE))
    if (ids.length === 0) return passed.size > 0 ? clock.now() + AGAIN : undefined
    for (const id of ids) {
      progress()
      const began = clock.monotonic()
      try {
        if (!(await database.transaction(tx => step(tx, caps, id)))) passed.add(id)
      } catch (error) {
        log.error({ err: error, job: id }, 'a batch failed; retrying')
        passed.add(id)
      }
      await setTimeout(Math.min(LONGEST_DELAY, Math.max(DELAY, clock.monotonic() - began)))
    }
  }
}

/** Runs up to this many batches of one job now; the runner of jobs does the rest. */
export async function workOff(caps: JobCaps, id: string, most: number): Promise<void> {
  const { database } = caps
  for (let done = 0; done < most; done += 1) {
    if (await database.transaction(tx => step(tx, caps, id))) continue
    if (!(await database.read(tx => isOpen(tx, id)))) return
    await setTimeout(DELAY) // another process is at it
  }
}

/** One batch; false if another process is at the job, or has finished it. */
async function step(tx: Tx, caps: JobCaps, id: string): Promise<boolean> {
  const job = await lockJob(tx, id)
  if (!job) return false
  const position = await advance(tx, caps, { ...job, ...readJob(job) })
  if (position === undefined) await deleteJob(tx, id)
  else await moveJob(tx, id, position)
  return true
}

function readJob({ kind, subject, data }: JobRow): BatchJob {
  return { kind, subject, data: JSON.parse(data) } as BatchJob
}

async function advance(tx: Tx, caps: JobCaps, job: BatchJob & { position: string }): Promise<string | undefined> {
  switch (job.kind) {
    case 'settle_keys':
      return await settleInstallation(tx, job.subject, job.position)
    case 'tell_expired':
      return await tellExpired(tx, caps, job.data, job.position)
    case 'tell_accounts':
      return await tellAccounts(tx, caps, job.subject, job.data, job.position)
    case 'shrink_app':
      return await shrinkNext(tx, caps, job.subject, job.data, job.position)
    case 'end_app':
      return await endNext(tx, caps, { appId: job.subject, ...job.data }, job.position)
  }
}
