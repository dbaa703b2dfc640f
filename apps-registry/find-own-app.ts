import type { Tx } from '../db/connect.ts'
import { requireAbility } from '../server/accounts/roles.ts'
import type { Member } from '../server/audit/actor.ts'
import { AppError } from '../server/base/errors.ts'
import { draftScope } from './app-states.ts'
import type { App } from './app-store.ts'
import { findApp } from './find-app.ts'
import { pageOwnApps } from './listing-store.ts'
import type { Manifest } from './manifest.ts'

export type AppVersion = { number: number; manifest: Manifest; at: number }

/** One page of the apps that an account publishes, newest first and retired ones last, after one of them. */
export async function listOwnApps(
  tx: Tx,
  { accountId, after, limit }: { accountId: string; after: string | undefined; limit: number },
): Promise<App[]> {
  const last = after === undefined ? undefined : await findApp(tx, after)
  const own = last?.platform.accountId === accountId ? last : undefined // another account's app is not a valid cursor
  return await pageOwnApps(tx, { accountId, after: own, limit })
}

/** An app that the account publishes. Throws `object.not_found`, also for another account's app. */
export async function findOwnApp(tx: Tx, accountId: string, id: string): Promise<App> {
  const app = await findApp(tx, id)
  if (!app || app.platform.accountId !== accountId) throw new AppError('object.not_found')
  return app
}

/** The same, for a member who changes it: checks their current role. Also throws `access.role`. */
export async function findOwnAppToManage(tx: Tx, member: Member, id: string): Promise<App> {
  const app = await findOwnApp(tx, member.accountId, id)
  await requireAbility(tx, member.id, member.accountId, 'publish', draftScope(app.status))
  return app
}

/** The account that publishes an app. */
export async function publisherOf(tx: Tx, id: string): Promise<string | undefined> {
  return (await findApp(tx, id))?.platform.accountId
}

/** The latest versions of its manifest, newest first. */
export async function listVersions(tx: Tx, appId: string): Promise<AppVersion[]> {
  const rows: { number: number; manifest: string; created_at: number }[] = await tx('app_versions')
    .where({ app_id: appId })
    .orderBy('number', 'desc')
    .limit(20)
  return rows.map(({ number, manifest, created_at }) => ({ number, manifest: JSON.parse(manifest), at: created_at }))
}
