import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { type Act, recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { listAccountsOfApp } from '../installs/installation-store.ts'

/** So many logs are held at once. */
const BATCH = 25

/** What happened to an app, for the log of every account that holds keys of it. */
export type AppNews = Omit<Act, 'object'>

/** Some accounts that are concerned by an app, after a position; `next` where there may be more. */
export async function accountsConcerned(
  tx: Tx,
  appId: string,
  after: string,
): Promise<{ accountIds: string[]; next: string | undefined }> {
  const accountIds = await listAccountsOfApp(tx, appId, after, BATCH)
  return { accountIds, next: accountIds.length < BATCH ? undefined : accountIds.at(-1) }
}

/** Writes it into the logs of the next accounts; the publisher has read it first. Returns the next position. */
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
