import type { Knex } from 'knex'
import type { Tx } from '../db/connect.ts'
import { newestOf, oldestOf } from '../db/in-order.ts'
import { type App, type AppRow, readApps, toApp } from './app-store.ts'

type ListingFilter = {
  /** The account whose own drafts are listed too. */
  accountId: string | undefined
  /** Each word must occur in the name, the tagline, the publisher's name or a category. */
  words: readonly string[]
  category: string | undefined
  limit: number
} & ({ after?: string | undefined } | { before: string })

/**
 * One page of the marketplace for an account: published apps and its own drafts, in the order of slugs, after one slug or
 * before another.
 */
export async function browseApps(tx: Tx, filter: ListingFilter): Promise<App[]> {
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

/** Steps from name to name in the index; a `distinct` would read every app's. */
const EACH_NAME = `select min(category) from app_categories
  union all select (select min(c.category) from app_categories as c where c.category > names.category)
  from names where names.category is not null`

const IS_LISTED = `exists (select 1 from app_categories as c join apps on apps.id = c.app_id
  where c.category = names.category and (apps.status = 'published' or (apps.status in ('draft', 'in_review')
  and apps.platform_id in (select id from platforms where account_id = ?))))`

/** The first categories, by name, of apps that this account may see. */
export async function browseCategories(tx: Tx, accountId: string | undefined, limit: number): Promise<string[]> {
  return await tx
    .withRecursive('names', ['category'], tx.raw(EACH_NAME))
    .from('names')
    .whereNotNull('names.category')
    .whereRaw(IS_LISTED, [accountId ?? ''])
    .limit(limit)
    .pluck('names.category')
}
