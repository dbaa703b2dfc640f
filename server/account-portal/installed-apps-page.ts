import type { App } from '../../apps-registry/find-app.ts'
import { badgeOf } from '../../apps-registry/listing-page.ts'
import { agoText, counted } from '../http/format.ts'
import type { AppBadge, StatusModel } from '../http/page-parts.ts'
import type { Installation } from '../installs/installation.ts'
import { asJudged } from '../installs/installation-states.ts'
import { INSTALLATION_STATUS, installationStatus } from './installation-page.ts'

export type InstalledAppsPage = {
  accountName: string
  apps: { href: string; app: AppBadge; test: boolean; note: string; status: StatusModel; tryAgainHref?: string }[]
  kept: { href: string; app: AppBadge; test: boolean; note: string; status: StatusModel }[]
  /** The next page of each list, and the first one. */
  older?: string
  olderKept?: string
  newest?: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'installed-apps': InstalledAppsPage
  }
}

export function installedAppsPage(
  accountName: string,
  installations: readonly Installation[],
  apps: ReadonlyMap<string, App>,
  keysOf: (installationId: string) => KeysHeld,
  now: number,
): InstalledAppsPage {
  const page: InstalledAppsPage = { accountName, apps: [], kept: [] }
  for (const found of installations) {
    const app = apps.get(found.appId)
    if (!app) continue
    const installation = asJudged(found, app.status)
    const own = keysOf(installation.id)
    const common = { app: badgeOf(app), test: installation.mode === 'test' }
    const href = `/apps/${installation.id}`
    if (installation.status !== 'uninstalled') {
      const tryAgain = installation.status === 'delivery_failed' && { tryAgainHref: href }
      page.apps.push({
        href,
        ...common,
        note: noteOf(installation, own, now),
        status: installationStatus(installation, app),
        ...tryAgain,
      })
    } else if (own.count > 0) {
      page.kept.push({
        href: installation.suspendedBy.length > 0 ? href : '/keys',
        ...common,
        note: `${counted(own.count, 'key')} kept${lastUse(own, now)}`,
        status: installation.suspendedBy.length > 0 ? INSTALLATION_STATUS.suspended : { text: 'Kept', tone: 'warn' },
      })
    }
  }
  return page
}

/** The working keys of an installation; `lastUsedAt` is undefined if they are too many to read. */
export type KeysHeld = { count: number; lastUsedAt: number | null | undefined }

function noteOf(installation: Installation, working: KeysHeld, now: number): string {
  const keys = counted(working.count, 'key')
  if (installation.status === 'delivery_failed')
    return working.count > 0 ? `${keys} arrived, others expired unused` : 'Its keys expired unused'
  if (installation.status === 'installing') return `${keys} on the way`
  return `${keys}${lastUse(working, now)}`
}

function lastUse({ lastUsedAt }: KeysHeld, now: number): string {
  if (lastUsedAt === undefined) return ''
  return lastUsedAt === null ? ', never used' : `, last used ${agoText(lastUsedAt, now).toLowerCase()}`
}
