import { partsOf } from '../db/changes.ts'
import { makeCheckpoints } from './audit/checkpoints.ts'
import { type Clock, DAY, SECOND } from './base/clock.ts'
import { createRunner } from './base/runner.ts'
import { createClockFollower } from './deliveries/follow-clock.ts'
import type { Deps } from './deps.ts'
import { expireOverdueKeys } from './key-life/expire-overdue-keys.ts'
import { remindOfDeadlines } from './key-life/remind-of-deadlines.ts'
import { replaceLeakedKeys } from './key-life/replace-leaked-keys.ts'
import { runBatchJobs } from './key-life/run-batch-jobs.ts'
import { dealWithLeftReports } from './key-life/take-leak-report.ts'
import { sweepOpenRequests } from './oauth/sweep-open-requests.ts'
import { reencrypt } from './reencrypt.ts'

/** How long a shutdown waits for a slow mail server, in milliseconds; a mail not recorded as sent is sent again. */
const PATIENCE = 4 * SECOND

/** Runs scheduled work. Returns a function that stops it and resolves when it has stopped. */
export function startUpkeep(deps: Deps): () => Promise<void> {
  const { clock, log, database, pulses } = deps
  const heard = () => database.changes.connected()
  const runner = (name: string, work: (progress: () => void) => Promise<number | undefined>) =>
    createRunner({ clock, log, pulses, name, work, heard })
  const deadlines = runner('deadlines', () => expireOverdueKeys(deps))
  const reminders = runner('reminders', () => remindOfDeadlines(deps))
  const leaks = runner('leaked keys', () => replaceLeakedKeys(deps))
  const reports = runner('leak reports', () => dealWithLeftReports(deps))
  const mails = runner('mails', progress => deps.mailer.sendDue(progress))
  const jobs = runner('batch jobs', progress => runBatchJobs(deps, progress))
  const unwoken = (name: string, work: (progress: () => void) => Promise<number | undefined>) =>
    createRunner({ clock, log, pulses, name, work })
  const secrets = unwoken('encryption anew', progress => reencrypt(deps, progress))
  const checkpoints = unwoken(
    'checkpoints',
    daily(clock, () => makeCheckpoints(deps)),
  )
  const requests = unwoken('open requests', () => sweepOpenRequests(deps))
  const runners = [checkpoints, deadlines, reminders, leaks, reports, mails, secrets, jobs, requests]
  database.changes.listen(change => {
    const { kind } = partsOf(change)
    const anything = kind === 'anything'
    if (anything || kind === 'mails') mails.wake()
    if (anything || kind === 'jobs') jobs.wake()
    if (anything || kind === 'leak-reports') reports.wake()
    if (!anything && kind !== 'key' && kind !== 'installation') return
    deadlines.wake() // there may be a new deadline
    reminders.wake()
    leaks.wake()
  })
  for (const each of runners) each.start()
  const follower = createClockFollower(deps)
  const following = setInterval(() => {
    if (!follower.isBehind()) return
    follower.follow().then(
      () => runners.forEach(each => void each.wake()),
      error => log.error({ err: error }, 'the clock could not be checked; retrying'),
    )
  }, SECOND).unref()
  return async () => {
    clearInterval(following)
    const stopped = Promise.all(runners.map(each => each.stop()))
    await Promise.race([stopped, new Promise(resolve => setTimeout(resolve, PATIENCE).unref())])
  }
}

/** Limits work to once a day, however often its runner wakes; a failure is retried sooner. */
function daily(clock: Clock, work: () => Promise<unknown>): () => Promise<number> {
  let next = 0
  return async () => {
    if (clock.now() < next && next - clock.now() <= DAY) return next
    await work()
    next = clock.now() + DAY
    return next
  }
}
