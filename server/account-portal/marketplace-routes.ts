import { Router } from 'express'
import { browseApps, browseCategories } from '../../apps-registry/browse-apps.ts'
import { findListing, isDraft } from '../../apps-registry/find-app.ts'
import { listingPage } from '../../apps-registry/listing-page.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { roleAllows } from '../accounts/roles.ts'
import { accountIdsOf, sessionOf } from '../accounts/session-guard.ts'
import type { Config } from '../config.ts'
import { leaveFor } from '../http/leave.ts'
import type { OutwardPages } from '../http/outward-pages.ts'
import type { RenderPage } from '../http/pages.ts'
import { installedIn } from '../installs/list-installations.ts'
import { type AskedMarketplace, marketplacePage, readMarketplace } from './marketplace-page.ts'

type MarketplaceCaps = {
  config: Config
  database: Database
  render: RenderPage
  outwardPages: OutwardPages
}

const PAGE = 24
const MOST_CATEGORIES = 24

/** The marketplace and each app's listing, for everyone; members see drafts of their own platforms too. */
export function marketplaceRoutes(deps: MarketplaceCaps): Router {
  const { config, database } = deps
  const router = Router()

  router.get('/', (_req, res) => res.redirect(303, '/marketplace'))

  router.get('/marketplace', async (req, res) => {
    const asked = readMarketplace(req.query)
    const accountId = sessionOf(res)?.current.account.id
    const page = marketplacePage(config, asked, await database.read(tx => readMarket(tx, accountId, asked)))
    deps.render(req, res, 'marketplace', { title: 'Marketplace', nav: 'marketplace' }, page)
  })

  router.get('/marketplace/:slug', async (req, res) => {
    const session = sessionOf(res)
    const { app, installations } = await database.read(async tx => {
      const found = await findListing(tx, req.params.slug, accountIdsOf(session))
      return {
        app: found,
        installations: session ? await installedIn(tx, session.current.account.id, [found.id]) : [],
      }
    })
    const installed = installations.map(({ id, mode }) => ({ href: `/apps/${id}`, mode }))
    const asks = session && !isDraft(app) && !roleAllows(session.current.role, 'install')
    const page = {
      ...listingPage(config, app, installed),
      ...(asks && { request: { action: `/marketplace/${app.slug}/request`, account: session.current.account.id } }),
    }
    deps.render(req, res, 'listing', { title: app.manifest.client_name, nav: 'marketplace' }, page)
  })

  router.get('/marketplace/:slug/install', async (req, res) => {
    const accountIds = sessionOf(res)?.memberships.map(({ account }) => account.id) ?? []
    const app = await database.read(tx => findListing(tx, req.params.slug, accountIds))
    const address = app.client.install_uri
    if (!address)
      return res.redirect(303, `/interaction/install/${app.slug}${new URL(req.originalUrl, 'http://here').search}`)
    leaveFor(deps.outwardPages, req, res, address)
  })

  return router
}

/** What a page of the marketplace shows: its apps, which of them the account has installed, and all categories. */
async function readMarket(tx: Tx, accountId: string | undefined, asked: AskedMarketplace) {
  const page = await readPage(tx, accountId, asked)
  const ids = page.apps.map(({ id }) => id)
  const installations = accountId ? await installedIn(tx, accountId, ids) : []
  return {
    ...page,
    installed: new Set(installations.map(({ appId }) => appId)),
    categories: await browseCategories(tx, accountId, MOST_CATEGORIES),
  }
}

/** One page of apps, and whether there are others before and after it. A page before the first one is the first one. */
async function readPage(tx: Tx, accountId: string | undefined, { query, category, after, before }: AskedMarketplace) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const filter = { accountId, words, category: category === '' ? undefined : category, limit: PAGE + 1 }
  const earlier = before === undefined ? [] : await browseApps(tx, { ...filter, before })
  if (earlier.length > PAGE) return { apps: earlier.slice(1), hasPrevious: true, hasNext: true }
  const apps = await browseApps(tx, { ...filter, after })
  return { apps: apps.slice(0, PAGE), hasPrevious: after !== undefined, hasNext: apps.length > PAGE }
}
