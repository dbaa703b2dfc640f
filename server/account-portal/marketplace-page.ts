import type { App } from '../../apps-registry/find-app.ts'
import { type AppCard, cardOf } from '../../apps-registry/listing-page.ts'
import type { Catalog } from '../base/catalog.ts'

export type MarketplacePage = {
  /** Whether apps are reviewed before they are listed. */
  reviews: boolean
  query: string
  /** Empty: all. */
  category: string
  categories: { text: string; href: string; current: boolean }[]
  apps: AppCard[]
  pages: { text: string; href: string }[]
}

declare module '../http/page-parts.ts' {
  interface Pages {
    marketplace: MarketplacePage
  }
}

/** The query of the marketplace; a page is identified by the slug of the app before or after it. */
export type AskedMarketplace = {
  query: string
  /** Empty: all. */
  category: string
  after: string | undefined
  before: string | undefined
}

export function readMarketplace(query: Readonly<Record<string, unknown>>): AskedMarketplace {
  const textOf = (value: unknown) => (typeof value === 'string' ? value.trim().slice(0, 100) : '')
  const [after, before] = [textOf(query['after']), textOf(query['before'])]
  return {
    query: textOf(query['q']),
    category: textOf(query['category']),
    after: after === '' ? undefined : after,
    before: before === '' ? undefined : before,
  }
}

export function marketplacePage(
  { catalog, review }: { catalog: Catalog; review: 'required' | 'off' },
  asked: AskedMarketplace,
  found: {
    apps: readonly App[]
    installed: ReadonlySet<string>
    categories: readonly string[]
    hasPrevious: boolean
    hasNext: boolean
  },
): MarketplacePage {
  const { apps, installed, hasPrevious, hasNext } = found
  const [first, last] = [apps.at(0)?.slug, apps.at(-1)?.slug]
  return {
    query: asked.query,
    category: asked.category,
    reviews: review === 'required',
    categories: categoriesOf(found.categories, asked.category),
    apps: apps.map(app => cardOf(catalog, app, installed.has(app.id))),
    pages: [
      ...(hasPrevious ? [{ text: 'Previous apps', href: hrefOf(asked, first ? { before: first } : {}) }] : []),
      ...(hasNext && last ? [{ text: 'Next apps', href: hrefOf(asked, { after: last }) }] : []),
    ],
  }
}

function hrefOf({ query, category }: AskedMarketplace, position: Record<string, string>): string {
  const parameters = { ...(query !== '' && { q: query }), ...(category !== '' && { category }), ...position }
  return `/marketplace?${new URLSearchParams(parameters)}`
}

function categoriesOf(names: readonly string[], current: string): MarketplacePage['categories'] {
  const shown = current === '' || names.includes(current) ? names : [...names, current]
  return [
    { text: 'All', href: '/marketplace', current: current === '' },
    ...[...shown]
      .sort((a, b) => a.localeCompare(b))
      .map(name => ({
        text: name,
        href: `/marketplace?category=${encodeURIComponent(name)}`,
        current: name === current,
      })),
  ]
}
