import type { Knex } from 'knex'
import type { Tx } from '../db/connect.ts'
import { newestOf, oldestOf } from '../db/in-order.ts'
import { type App, type AppRow, findAppRow, readApps, toApp } from './app-store.ts'

/** The marketplace finds the app from now on by what its current version says. */
export async function refreshListing(tx: Tx, appId: string): Promise<void> {
  const app = await findAppRow(tx, appId)
  if (!app) return
  const { client_name, tagline, categories } = app.manifest
  const text = [client_name, tagline, app.platform.name, ...categories].join('\n').toLowerCase()
  await tx('apps').where({ id: appId }).update({ search_text: text })
  await tx('app_categories').where({ app_id: appId }).delete()
  const names = [...new Set(categories)]
  if (names.length > 0) await tx('app_categories').insert(names.map(category => ({ app_id: appId, category })))
}

export type ListingFilter = {
  /** Drafts of this account's own platforms are listed too. */
  accountId: string | undefined
  /** Each of them is somewhere in the name, the tagline, the publisher's name or a category. */
  words: readonly string[]
  category: string | undefined
  limit: number
} & ({ after?: string | undefined } | { before: string })

/** One page of the marketplace in the order of slugs: those after one, or the last of those before one. */
export async function pageListings(tx: Tx, filter: ListingFilter): Promise<App[]> {
  const back = 'before' in filter
  const published = back
    ? newestOf(readApps(tx), BY_SLUG, 'published', filter.before)
    : oldestOf(readApps(tx), BY_SLUG, 'published', filter.after)
  const rows: AppRow[] = await narrowed(published, filter)
  if (filter.accountId !== undefined) rows.push(...(await narrowed(ownDrafts(tx, filter.accountId, filter), filter)))
  const found = rows.sort((a, b) => (a.slug < b.slug ? -1 : 1) * (back ? -1 : 1)).slice(0, filter.limit)
  return (back ? found.reverse() : found).map(toApp)
}

const BY_SLUG = ['apps.status', 'apps.slug'] as const

function ownDrafts(tx: Tx, accountId: string, filter: ListingFilter): Knex.QueryBuilder {
  const drafts = readApps(tx)
    .whereIn('apps.platform_id', tx('platforms').where({ account_id: accountId }).select('id'))
    .whereIn('apps.status', ['draft', 'in_review'])
  if ('before' in filter) return drafts.where('apps.slug', '<', filter.before).orderBy('apps.slug', 'desc')
  return drafts.where('apps.slug', '>', filter.after ?? '').orderBy('apps.slug')
}

function narrowed(query: Knex.QueryBuilder, { words, category, limit }: ListingFilter): Knex.QueryBuilder {
  for (const word of words)
    query.whereRaw("apps.search_text like ? escape '!'", [`%${word.replaceAll(/[!%_]/g, '!$&')}%`])
  if (category !== undefined)
    query.whereRaw('exists (select 1 from app_categories as c where c.app_id = apps.id and c.category = ?)', [category])
  return query.limit(limit)
}

/** From each name to the next by the index; a `distinct` would read every app's. */
const EACH_NAME = `select min(category) from app_categories
  union all select (select min(c.category) from app_categories as c where c.category > names.category)
  from names where names.category is not null`

const IS_LISTED = `exists (select 1 from app_categories as c join apps on apps.id = c.app_id
  where c.category = names.category and (apps.status = 'published' or (apps.status in ('draft', 'in_review')
  and apps.platform_id in (select id from platforms where account_id = ?))))`

/** The first categories by name that an app has which this account may see. */
export async function listCategories(tx: Tx, accountId: string | undefined, limit: number): Promise<string[]> {
  return await tx
    .withRecursive('names', ['category'], tx.raw(EACH_NAME))
    .from('names')
    .whereNotNull('names.category')
    .whereRaw(IS_LISTED, [accountId ?? ''])
    .limit(limit)
    .pluck('names.category')
}

/** Some apps of an account's platforms, the newest first and retired ones last, after one of them. */
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
