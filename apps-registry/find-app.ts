import type { Tx } from '../db/connect.ts'
import { AppError } from '../server/base/errors.ts'
import { clearGone, readLogo, setGoneAddress } from './app-details-store.ts'
import { type App, findAppBySlug, findAppRow, type Logo, listAppsById, shareApp } from './app-store.ts'
import { type ListingFilter, listCategories, pageListings } from './listing-store.ts'

export type { App } from './app-store.ts'

/** An app by its id, whatever its state. */
export async function findApp(tx: Tx, id: string): Promise<App | undefined> {
  return await findAppRow(tx, id)
}

export async function findApps(tx: Tx, ids: readonly string[]): Promise<Map<string, App>> {
  return await listAppsById(tx, ids)
}

/** One page of the marketplace as an account sees it: published apps, and drafts of its own. */
export async function browseApps(tx: Tx, filter: ListingFilter): Promise<App[]> {
  return await pageListings(tx, filter)
}

/** The first categories by name in which this account sees an app. */
export async function browseCategories(tx: Tx, accountId: string | undefined, limit: number): Promise<string[]> {
  return await listCategories(tx, accountId, limit)
}

/** One listing; a stranger's draft looks as if it did not exist. Throws `object.not_found`. */
export async function findListing(tx: Tx, slug: string, accountIds: readonly string[]): Promise<App> {
  const app = await findAppBySlug(tx, slug)
  if (!app || !isVisible(app, accountIds)) throw new AppError('object.not_found')
  return app
}

function isVisible(app: App, accountIds: readonly string[]): boolean {
  return app.status === 'published' || (isDraft(app) && accountIds.includes(app.platform.accountId))
}

/** Whether everybody may see the app, which was published once. Until then only its own account may. */
export function isPublic(app: App): boolean {
  return app.publishedAt !== null
}

/** Whether members of these accounts may know of the app. */
export function isKnownTo(app: App, accountIds: readonly string[]): boolean {
  return isPublic(app) || accountIds.includes(app.platform.accountId)
}

export function isDraft(app: App): boolean {
  return app.status === 'draft' || app.status === 'in_review'
}

/** Whether an account may install the app now: a published one anywhere, a draft only at home. */
export function isInstallableIn(app: App, accountId: string): boolean {
  return app.status === 'published' || (isDraft(app) && app.platform.accountId === accountId)
}

/** The mark of an app as it was when it registered, for members of these accounts. Throws `object.not_found`. */
export async function findLogo(tx: Tx, id: string, accountIds: readonly string[]): Promise<Logo & { public: boolean }> {
  const app = await findAppRow(tx, id)
  const logo = app && isKnownTo(app, accountIds) ? await readLogo(tx, id) : undefined
  if (!app || !logo) throw new AppError('object.not_found')
  return { ...logo, public: isPublic(app) }
}

/** Ends the pause after a 410: deliveries of the app are attempted again. */
export async function clearGoneAddress(tx: Tx, appId: string): Promise<void> {
  await setGoneAddress(tx, appId, null)
}

/** The address responded with 410: the app's deliveries are paused. */
export async function noteGoneAddress(tx: Tx, appId: string, address: string): Promise<void> {
  await setGoneAddress(tx, appId, address)
}

/** The address acknowledged a ping: the pause ends. */
export async function noteAddressBack(tx: Tx, appId: string, address: string): Promise<void> {
  await clearGone(tx, appId, address)
}

/** Locks the app in shared mode: nobody changes, suspends or retires it until this transaction ends. */
export async function lockAppShared(tx: Tx, id: string): Promise<void> {
  await shareApp(tx, id)
}
