import { sweepSessions } from './accounts/sessions.ts'
import { sweepCheckpoints } from './audit/checkpoints.ts'
import { HOUR } from './base/clock.ts'
import { numberBacklog } from './deliveries/event-feed.ts'
import { sweepDeliveryLog } from './deliveries/sweep-log.ts'
import type { Deps } from './deps.ts'
import { runBatchJobs } from './key-life/run-batch-jobs.ts'
import { sweepUsage } from './keys/sweep-usage.ts'
import { deleteEndedCounters } from './limits/rate-limit-store.ts'
import { sweepMails } from './mail/queue-mail.ts'
import { sweepRecords } from './oauth/grants.ts'
import { sweepGrants } from './oauth/sweep-grants.ts'

const EVERY = HOUR

/** What a sweep deleted. */
export type Swept = {
  sessions: number
  oauth_records: number
  oauth_grants: number
  mails: number
  checkpoints: number
  deliveries: number
  usage: number
  rate_limits: number
}

/**
 * Deletes what has lapsed: sign-ins, the authorization server's codes, tokens and requests, the old delivery log and what
 * keys did long ago; and goes on with what was left to be done in batches.
 */
export async function sweep(deps: Deps): Promise<Swept> {
  const { database, clock } = deps
  const at = clock.now()
  const lapsed = await database.transaction(async tx => ({
    sessions: await sweepSessions(tx, at),
    oauth_records: await sweepRecords(tx, at),
    mails: await sweepMails(tx, at),
    checkpoints: await sweepCheckpoints(tx, at),
    rate_limits: await deleteEndedCounters(tx, at),
  }))
  const oauth_grants = await sweepGrants(database, at)
  await runBatchJobs(deps)
  await numberBacklog(database)
  return {
    ...lapsed,
    oauth_grants,
    deliveries: await sweepDeliveryLog(database, at),
    usage: await sweepUsage(database, at),
  }
}

/** Sweeps now and every hour until the answer is called. */
export function startSweeping(deps: Deps): () => void {
  const once = () =>
    void sweep(deps).catch(error => deps.log.error({ err: error }, 'could not sweep; tries again in an hour'))
  once()
  const timer = setInterval(once, EVERY).unref()
  return () => clearInterval(timer)
}
