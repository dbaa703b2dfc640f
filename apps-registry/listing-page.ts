import type { Catalog, Permission } from '../server/base/catalog.ts'
import { counted, dateMoment } from '../server/http/format.ts'
import type { AppBadge, Moment } from '../server/http/page-parts.ts'
import type { App } from './find-app.ts'
import { isDraft } from './find-app.ts'
import type { Manifest } from './manifest.ts'
import { type ReviewMark, reviewMark } from './review-mark.ts'

export type PermissionModel = {
  name: string
  sentence: string
  /** The platform's text; escaped. */
  purpose: string
  icon: 'read' | 'write' | 'money' | 'warning'
  risky: boolean
  tags: { text: string; warn: boolean }[]
}

export type AppCard = {
  href: string
  app: AppBadge
  publisher: string
  tagline: string
  installed: boolean
  keys: string
  tag: { text: string; warn: boolean }
}

export type ListingPage = {
  app: AppBadge
  tagline: string
  /** Paragraphs of plain text. */
  description: string[]
  publisher: { name: string; site?: { host: string; href: string } }
  /** The target of *Install* (a GET form): the consent page, or a redirect of ours to the app's `install_uri`. */
  installAction: string
  /** *Request install*, for a member who may not install; the account is that of the page. */
  request?: { action: string; account: string }
  reviewed: ReviewMark
  draft: boolean
  version: { number: number; date: Moment }
  permissions: PermissionModel[]
  keys: string[]
  deliveryHost: string
  categories: { text: string; href: string }[]
  help: { text: string; href: string }[]
  /** Installations of this app in the viewer's account that are not uninstalled. */
  installations: { href: string; mode: string }[]
}

declare module '../server/http/page-parts.ts' {
  interface Pages {
    listing: ListingPage
  }
}

export const UNNAMED_LOGO = '/assets/logos/unnamed.svg'

/** Name and logo of an app; logos are served from our own origin only. */
export function badgeOf(app: App): AppBadge {
  return { name: app.manifest.client_name, logo: app.hasLogo ? `/logos/${app.id}` : UNNAMED_LOGO }
}

/** Permissions as the consent page shows them: the operator's sentence, the app's purpose, and the risks. */
export function permissionModels(catalog: Catalog, manifest: Manifest, granted?: readonly string[]): PermissionModel[] {
  return manifest.permissions.flatMap(({ name, purpose }) => {
    const permission = catalog.find(entry => entry.name === name)
    return permission && (granted?.includes(name) ?? true) ? [permissionModel(permission, purpose)] : []
  })
}

function permissionModel({ name, sentence, access, risks }: Permission, purpose: string): PermissionModel {
  const money = risks.includes('moves_money')
  const final = risks.includes('irreversible')
  const tags = [
    ...(money ? [{ text: 'Moves money', warn: true }] : []),
    ...(final ? [{ text: 'Cannot be undone', warn: true }] : []),
    ...(risks.includes('personal_data') ? [{ text: 'Personal data', warn: false }] : []),
  ]
  return { name, sentence, purpose, icon: money ? 'money' : final ? 'warning' : access, risky: money || final, tags }
}

/** The most important fact about a set of permissions. */
export function riskTag(catalog: Catalog, names: readonly string[]): { text: string; warn: boolean } {
  const chosen = catalog.filter(permission => names.includes(permission.name))
  const has = (risk: Permission['risks'][number]) => chosen.some(permission => permission.risks.includes(risk))
  if (has('moves_money')) return { text: 'Moves money', warn: true }
  if (has('irreversible')) return { text: 'Cannot be undone', warn: true }
  if (has('personal_data')) return { text: 'Personal data', warn: false }
  return chosen.some(permission => permission.access === 'write')
    ? { text: 'Can change data', warn: false }
    : { text: 'Reads only', warn: false }
}

export function cardOf(catalog: Catalog, app: App, installed: boolean): AppCard {
  return {
    href: `/marketplace/${app.slug}`,
    app: badgeOf(app),
    publisher: app.platform.name,
    tagline: app.manifest.tagline,
    installed,
    keys: counted(app.manifest.managed_keys.length, 'key'),
    tag: riskTag(
      catalog,
      app.manifest.permissions.map(permission => permission.name),
    ),
  }
}

/** A publisher's own site, if a page may link to it. */
export function siteOf(manifest: Manifest): { host: string; href: string } | undefined {
  return manifest.client_uri ? { host: new URL(manifest.client_uri).host, href: manifest.client_uri } : undefined
}

export function listingPage(
  { catalog, review }: { catalog: Catalog; review: 'required' | 'off' },
  app: App,
  installations: ListingPage['installations'],
): ListingPage {
  const { manifest } = app
  const site = siteOf(manifest)
  const help = [
    ['Privacy', manifest.policy_uri],
    ['Terms', manifest.tos_uri],
  ] as const
  return {
    app: badgeOf(app),
    tagline: manifest.tagline,
    description: manifest.description
      .split(/\n\s*\n/)
      .map(part => part.trim())
      .filter(part => part !== ''),
    publisher: { name: app.platform.name, ...(site && { site }) },
    installAction: installAction(app),
    reviewed: reviewMark(app, review),
    draft: isDraft(app),
    version: { number: app.version, date: dateMoment(app.versionAt) },
    permissions: permissionModels(catalog, manifest),
    keys: manifest.managed_keys.map(key => key.name),
    deliveryHost: deliveryHost(app),
    categories: manifest.categories.map(category => ({
      text: category,
      href: `/marketplace?category=${encodeURIComponent(category)}`,
    })),
    help: help.flatMap(([text, href]) => (href ? [{ text, href }] : [])),
    installations,
  }
}

export function deliveryHost(app: App): string {
  return app.client.key_delivery_uri ? new URL(app.client.key_delivery_uri).host : ''
}

/** The target of *Install*: a redirect of ours to the platform if it starts the request itself, else the consent page. */
function installAction(app: App): string {
  return app.client.install_uri ? `/marketplace/${app.slug}/install` : `/interaction/install/${app.slug}`
}
