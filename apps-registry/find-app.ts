import type { Tx } from '../db/connect.ts'
import { AppError } from '../server/base/errors.ts'
import { readLogo } from './app-details-store.ts'
import { type App, type AppRow, findAppBySlug, type Logo, readApps, toApp } from './app-store.ts'

export type { App } from './app-store.ts'
export { pageAllApps } from './listing-store.ts'

/** An app by its id, in any state. */
export async function findApp(tx: Tx, id: string): Promise<App | undefined> {
  const row: AppRow | undefined = await readApps(tx).where('apps.id', id).first()
  return row && toApp(row)
}

/** Apps by their ids, in any state; unknown ids are left out. */
export async function findApps(tx: Tx, ids: readonly string[]): Promise<Map<string, App>> {
  const rows: AppRow[] = await readApps(tx).whereIn('apps.id', [...new Set(ids)])
  return new Map(rows.map(row => [row.id, toApp(row)]))
}

/** One listing. Throws `object.not_found`, also for another account's draft. */
export async function findListing(tx: Tx, slug: string, accountIds: readonly string[]): Promise<App> {
  const app = await findAppBySlug(tx, slug)
  if (!app || !isVisible(app, accountIds)) throw new AppError('object.not_found')
  return app
}

function isVisible(app: App, accountIds: readonly string[]): boolean {
  return app.status === 'published' || (isDraft(app) && accountIds.includes(app.platform.accountId))
}

/** Whether everybody may see the app, because it was published at some time. Otherwise only its own account may. */
export function isPublic(app: App): boolean {
  return app.publishedAt !== null
}

/** Whether members of these accounts may see the app. */
export function isKnownTo(app: App, accountIds: readonly string[]): boolean {
  return isPublic(app) || accountIds.includes(app.platform.accountId)
}

export function isDraft(app: App): boolean {
  return app.status === 'draft' || app.status === 'in_review'
}

/** Whether an account may install the app now: a published one in any account, a draft only in its own. */
export function isInstallableIn(app: App, accountId: string): boolean {
  return app.status === 'published' || (isDraft(app) && app.platform.accountId === accountId)
}

/** The app's logo, for members of these accounts. Throws `object.not_found`. */
export async function findLogo(tx: Tx, id: string, accountIds: readonly string[]): Promise<Logo & { public: boolean }> {
  const app = await findApp(tx, id)
  const logo = app && isKnownTo(app, accountIds) ? await readLogo(tx, id) : undefined
  if (!app || !logo) throw new AppError('object.not_found')
  return { ...logo, public: isPublic(app) }
}

/** Locks the app in shared mode: it cannot be changed, suspended or retired until this transaction ends. */
export async function lockAppShared(tx: Tx, id: string): Promise<void> {
  const query = tx('apps').where({ id })
  await (tx.client.config.client === 'pg' ? query.forShare() : query).first('id')
}
