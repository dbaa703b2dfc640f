import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import type { AppNews } from '../installs/batch-jobs.ts'
import { listAccountsOfApp } from '../installs/list-installations.ts'

/** Activity logs that one transaction locks. */
const BATCH = 25

/** A page of accounts with keys or installations of an app, after a position; `next` if there may be more. */
export async function accountsConcerned(
  tx: Tx,
  appId: string,
  after: string,
): Promise<{ accountIds: string[]; next: string | undefined }> {
  const accountIds = await listAccountsOfApp(tx, appId, after, BATCH)
  return { accountIds, next: accountIds.length < BATCH ? undefined : accountIds.at(-1) }
}

/**
 * Writes the entry into the logs of the next accounts; the publisher's log has it already. Returns the next position.
 */
export async function tellAccounts(
  tx: Tx,
  caps: Caps,
  appId: string,
  news: AppNews,
  after: string,
): Promise<string | undefined> {
  const publisher = (await findApp(tx, appId))?.platform.accountId
  const { accountIds, next } = await accountsConcerned(tx, appId, after)
  const others = accountIds.filter(id => id !== publisher)
  await recordActivity(tx, caps, others, [{ ...news, object: appId }])
  return next
}
