import { Router } from 'express'
import { type App, browseApps, findListing } from '../../apps-registry/find-app.ts'
import { cardOf, listingPage } from '../../apps-registry/listing-page.ts'
import type { MarketplacePage } from '../../views/models.ts'
import { accountIdsOf, sessionOf } from '../accounts/session-guard.ts'
import type { Deps } from '../deps.ts'
import { leaveFor } from '../http/leave.ts'

/** The marketplace and each app's listing, for everyone; members see drafts of their own platforms too. */
export function marketplaceRoutes(deps: Deps): Router {
  const { config, database } = deps
  const router = Router()

  router.get('/', (_req, res) => res.redirect(303, '/marketplace'))

  router.get('/marketplace', async (req, res) => {
    const accountId = sessionOf(res)?.current.account.id
    const query = textOf(req.query['q'])
    const category = textOf(req.query['category'])
    const { apps, installed } = await database.read(async tx => {
      const apps = await browseApps(tx, accountId)
      const ids = apps.map(({ id }) => id)
      const installations = accountId ? await deps.installationsOfApps(tx, ids, accountId) : []
      return { apps, installed: new Set(installations.map(({ appId }) => appId)) }
    })
    const chosen = apps.filter(
      app => matches(app, query) && (category === '' || app.manifest.categories.includes(category)),
    )
    const page: MarketplacePage = {
      query,
      reviews: config.review === 'required',
      categories: categoriesOf(apps, category),
      apps: chosen.map(app => cardOf(config.catalog, app, installed.has(app.id))),
    }
    deps.render(req, res, 'marketplace', { title: 'Marketplace', nav: 'marketplace' }, page)
  })

  router.get('/marketplace/:slug', async (req, res) => {
    const session = sessionOf(res)
    const { app, installations } = await database.read(async tx => {
      const found = await findListing(tx, req.params.slug, accountIdsOf(session))
      return {
        app: found,
        installations: session ? await deps.installationsOfApps(tx, [found.id], session.current.account.id) : [],
      }
    })
    const page = listingPage(config, app, installations)
    deps.render(req, res, 'listing', { title: app.manifest.client_name, nav: 'marketplace' }, page)
  })

  router.get('/marketplace/:slug/install', async (req, res) => {
    const accountIds = sessionOf(res)?.memberships.map(({ account }) => account.id) ?? []
    const app = await database.read(tx => findListing(tx, req.params.slug, accountIds))
    const address = app.client.install_uri
    if (!address) return res.redirect(303, `/interaction/install/${app.slug}`)
    await leaveFor(deps.outwardPages, req, res, address)
  })

  return router
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim().slice(0, 100) : ''
}

function matches({ manifest, platform }: App, query: string): boolean {
  const words = query.toLowerCase().split(/\s+/)
  const text = [manifest.client_name, manifest.tagline, platform.name, ...manifest.categories].join(' ').toLowerCase()
  return words.every(word => text.includes(word))
}

function categoriesOf(apps: readonly App[], current: string): MarketplacePage['categories'] {
  const names = [...new Set(apps.flatMap(app => app.manifest.categories))].sort((a, b) => a.localeCompare(b))
  return [
    { text: 'All', href: '/marketplace', current: current === '' },
    ...names.map(name => ({
      text: name,
      href: `/marketplace?category=${encodeURIComponent(name)}`,
      current: name === current,
    })),
  ]
}
