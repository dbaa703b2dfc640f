import type { App } from '../../apps-registry/find-app.ts'
import { type MoveApp, moveApp } from '../../apps-registry/move-app.ts'
import type { Tx } from '../../db/connect.ts'
import type { Outsider } from '../audit/actor.ts'
import type { Act } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { leaveJob } from '../installs/batch-jobs.ts'
import { type JobCaps, workOff } from './run-batch-jobs.ts'
import { accountsConcerned } from './tell-accounts.ts'

/**
 * Logs what happened to an app in every account with keys of it. The caller writes those of the returned accounts with the
 * other logs of its transaction; the rest follows after the commit.
 */
export async function logForKeyAccounts(tx: Tx, caps: Caps, appId: string, acts: readonly Act[]): Promise<string[]> {
  const { accountIds, next } = await accountsConcerned(tx, appId, '')
  if (next === undefined) return accountIds
  for (const { what, actor, at, data } of acts)
    await leaveJob(
      tx,
      caps,
      { kind: 'tell_accounts', subject: appId, data: { what, actor, at, ...(data && { data }) } },
      next,
    )
  return accountIds
}

/**
 * Suspends or resumes an app. Its keys follow the state of the app from the commit on; every account with keys of it gets a
 * log entry, the first of them in the same transaction.
 */
export async function suspendApp(tx: Tx, caps: Caps, command: MoveApp & { verb: 'suspend' | 'resume' }): Promise<App> {
  const what = command.verb === 'suspend' ? 'app.suspended' : 'app.resumed'
  const act = { what, actor: command.actor, object: command.id, at: caps.clock.now() }
  return await moveApp(tx, caps, { ...command, alsoTold: await logForKeyAccounts(tx, caps, command.id, [act]) })
}

/** The most installations and keys that are processed before the response; the rest follows. */
const BEFORE_THE_ANSWER = 100

/**
 * Retires an app: it can no longer be installed and all its keys are refused from the commit on; it is uninstalled
 * everywhere and its keys expire, kept ones included, one transaction each, up to `batches` of them before this returns.
 */
export async function retireApp(
  caps: JobCaps,
  { appId, actor, batches = BEFORE_THE_ANSWER }: { appId: string; actor: Outsider; batches?: number },
): Promise<void> {
  const jobId = await caps.database.transaction(async tx => {
    await moveApp(tx, caps, { id: appId, verb: 'retire', actor }).catch(error => {
      if (!(error instanceof AppError && error.code === 'app.status')) throw error // retired already, perhaps just now
    })
    return await leaveJob(tx, caps, { kind: 'end_app', subject: appId, data: { actor } }, '')
  })
  await workOff(caps, jobId, batches)
}
