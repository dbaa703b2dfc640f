import type { Tx } from '../db/connect.ts'
import { newestOf } from '../db/in-order.ts'
import { type App, type AppRow, readApps, toApp } from './app-store.ts'

/** Updates what the marketplace search finds from the app's current version. */
export async function refreshListing(tx: Tx, appId: string): Promise<void> {
  const row: AppRow | undefined = await readApps(tx).where('apps.id', appId).first()
  if (!row) return
  const app = toApp(row)
  const { client_name, tagline, categories } = app.manifest
  const text = [client_name, tagline, app.platform.name, ...categories].join('\n').toLowerCase()
  await tx('apps').where({ id: appId }).update({ search_text: text })
  await tx('app_categories').where({ app_id: appId }).delete()
  const names = [...new Set(categories)]
  if (names.length > 0) await tx('app_categories').insert(names.map(category => ({ app_id: appId, category })))
}

/** Apps of an account's platforms, newest first and retired ones last, after one of them. */
export async function pageOwnApps(
  tx: Tx,
  page: { accountId: string; after?: App | undefined; limit: number },
): Promise<App[]> {
  const { after, limit } = page
  const platforms: string[] = await tx('platforms').where({ account_id: page.accountId }).pluck('id')
  const found: AppRow[] = []
  for (const retired of [false, true]) {
    if (found.length >= limit || (after?.status === 'retired' && !retired)) continue
    const before = after && (after.status === 'retired') === retired ? after.id : undefined
    const rows: AppRow[] = []
    for (const platformId of platforms) {
      const query = newestOf(readApps(tx), ['apps.platform_id', 'apps.id'], platformId, before)
      rows.push(...(await query.where('apps.status', retired ? '=' : '<>', 'retired').limit(limit)))
    }
    found.push(...rows.sort((a, b) => (a.id < b.id ? 1 : -1)))
  }
  return found.slice(0, limit).map(toApp)
}

/** All apps, the newest first. */
export async function pageAllApps(
  tx: Tx,
  { before, limit }: { before: string | undefined; limit: number },
): Promise<App[]> {
  const query = readApps(tx).orderBy('apps.id', 'desc').limit(limit)
  if (before !== undefined) query.where('apps.id', '<', before)
  const rows: AppRow[] = await query
  return rows.map(toApp)
}
