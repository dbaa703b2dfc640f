import type { Tx } from '../db/connect.ts'
import { requireAbility } from '../server/accounts/roles.ts'
import type { Member } from '../server/audit/actor.ts'
import { AppError } from '../server/base/errors.ts'
import { type AppVersion, listVersionRows, readGoneAddress } from './app-details-store.ts'
import { type App, findAppRow } from './app-store.ts'
import { pageOwnApps } from './listing-store.ts'

export type { AppVersion } from './app-details-store.ts'

/** One page of the apps that an account publishes, the newest first and retired ones last, after one of them. */
export async function listOwnApps(
  tx: Tx,
  { accountId, after, limit }: { accountId: string; after: string | undefined; limit: number },
): Promise<App[]> {
  const last = after === undefined ? undefined : await findAppRow(tx, after)
  const own = last?.platform.accountId === accountId ? last : undefined // another's is no cursor
  return await pageOwnApps(tx, { accountId, after: own, limit })
}

/** An app that the account publishes; a stranger's looks as if it did not exist. Throws `object.not_found`. */
export async function findOwnApp(tx: Tx, accountId: string, id: string): Promise<App> {
  const app = await findAppRow(tx, id)
  if (!app || app.platform.accountId !== accountId) throw new AppError('object.not_found')
  return app
}

/** The same, for a member who acts on it: their role is checked as it is now. Throws `access.role` as well. */
export async function findOwnAppToManage(tx: Tx, member: Member, id: string): Promise<App> {
  const app = await findOwnApp(tx, member.accountId, id)
  await requireAbility(tx, member.id, member.accountId, 'manage_platform')
  return app
}

/** The account that publishes an app. */
export async function publisherOf(tx: Tx, id: string): Promise<string | undefined> {
  return (await findAppRow(tx, id))?.platform.accountId
}

/** The latest versions of its manifest, the newest first. */
export async function listVersions(tx: Tx, appId: string): Promise<AppVersion[]> {
  return await listVersionRows(tx, appId)
}

/** The address that answered 410, as long as the app's deliveries wait for it. */
export async function findGoneAddress(tx: Tx, appId: string): Promise<string | null> {
  return await readGoneAddress(tx, appId)
}
