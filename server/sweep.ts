import { sweepInvitations } from './accounts/invite-member.ts'
import { sweepSessions } from './accounts/sessions.ts'
import { sweepSignInLinks } from './accounts/sign-in-links.ts'
import { sweepMailLinks, sweepUsedChallenges } from './accounts/sweep-spent.ts'
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
import { sweepAnswers } from './platform-api/answer-once.ts'

const EVERY = HOUR

/** How many rows a sweep deleted. */
export type Swept = {
  sessions: number
  invitations: number
  sign_in_links: number
  mail_links: number
  used_challenges: number
  oauth_records: number
  oauth_grants: number
  mails: number
  checkpoints: number
  deliveries: number
  /** Events without a delivery; others are deleted with their deliveries. */
  events: number
  usage: number
  rate_limits: number
  idempotent_requests: number
}

/**
 * Deletes expired rows in small transactions: sign-ins, codes, tokens and requests of the authorization server, stored
 * responses, the old delivery log and old usage; then runs the queued batch jobs.
 */
export async function sweep(deps: Deps): Promise<Swept> {
  const { database, clock } = deps
  const at = clock.now()
  const swept: Swept = {
    sessions: await sweepSessions(database, at),
    invitations: await sweepInvitations(database, at),
    sign_in_links: await sweepSignInLinks(database, at),
    mail_links: await sweepMailLinks(database, at),
    used_challenges: await sweepUsedChallenges(database, at),
    oauth_records: await sweepRecords(database, at),
    oauth_grants: await sweepGrants(database, at), // after their tokens
    mails: await sweepMails(database, at),
    checkpoints: await sweepCheckpoints(database, at),
    rate_limits: await deleteEndedCounters(database, at),
    idempotent_requests: await sweepAnswers(database, at),
    ...(await sweepDeliveryLog(database, at)),
    usage: await sweepUsage(database, at),
  }
  await runBatchJobs(deps)
  await numberBacklog(database)
  return swept
}

/** Sweeps now and every hour. Returns a function that stops it. */
export function startSweeping(deps: Deps): () => void {
  const once = () =>
    void sweep(deps).catch(error => deps.log.error({ err: error }, 'a sweep failed; retrying in an hour'))
  once()
  const timer = setInterval(once, EVERY).unref()
  return () => clearInterval(timer)
}
