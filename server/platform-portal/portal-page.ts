import type { App } from '../../apps-registry/find-app.ts'
import type { PlatformView } from '../../apps-registry/list-platforms.ts'
import { badgeOf } from '../../apps-registry/listing-page.ts'
import type { DeliveryCounts } from '../deliveries/count-deliveries.ts'
import { dateText } from '../http/format.ts'
import type { AppBadge, FieldFault, StatusModel } from '../http/page-parts.ts'
import type { InstallationCounts } from '../installs/list-installations.ts'

export type PlatformHomePage = {
  mayManage: boolean
  mayRegister: boolean
  /** Empty if the account is no publisher yet: the page offers to become one. */
  platforms: { id: string; name: string; tokenAction: string; tokens: { redacted: string; made: string }[] }[]
  values: { name: string }
  faults: FieldFault[]
  statsTitle: string
  /** Set if the numbers do not cover all apps. */
  statsNote?: string
  stats: { label: string; value: string; note?: string }[]
  apps: { href: string; app: AppBadge; id: string; note: string; installed: string; status: StatusModel }[]
  pages: { text: string; href: string }[]
  registerAddress: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'platform-home': PlatformHomePage
  }
}

const APP_STATUS: Record<App['status'], StatusModel> = {
  draft: { text: 'Draft', tone: 'none' },
  in_review: { text: 'In review', tone: 'info', waiting: true },
  published: { text: 'Published', tone: 'good' },
  suspended: { text: 'Suspended', tone: 'warn' },
  retired: { text: 'Retired', tone: 'none' },
}

export const appStatus = (app: App): StatusModel => APP_STATUS[app.status]

export type PlatformHomeInput = {
  platforms: readonly PlatformView[]
  apps: readonly App[]
  /** Whether there are apps before and after these. */
  hasPrevious: boolean
  hasNext: boolean
  installations: ReadonlyMap<string, InstallationCounts>
  deliveries: DeliveryCounts
  mayManage: boolean
  mayRegister: boolean
  publicUrl: string
  /** As typed. */
  name: string
  faults: FieldFault[]
}

export function platformHomePage(input: PlatformHomeInput): PlatformHomePage {
  const { platforms, apps, installations, deliveries } = input
  const counts = [...installations.values()]
  const all = counts.reduce((sum, { live, test }) => sum + live + test, 0)
  const moreInstalled = counts.some(({ more }) => more)
  return {
    mayManage: input.mayManage,
    mayRegister: input.mayRegister,
    platforms: platforms.map(({ id, name, tokens }) => ({
      id,
      name,
      tokenAction: `/platform/${id}/token`,
      tokens: tokens.map(({ redacted, createdAt }) => ({ redacted, made: dateText(createdAt) })),
    })),
    values: { name: input.name },
    faults: input.faults,
    statsTitle: 'Last 24 hours',
    ...((input.hasPrevious || input.hasNext) && { statsNote: 'These figures count the apps on this page.' }),
    stats: [
      { label: 'Installations', value: atLeast(all, moreInstalled) },
      { label: 'Delivered, 24 hours', ...deliveredText(deliveries) },
      { label: 'Waiting', value: atLeast(deliveries.pending, deliveries.more) },
      { label: 'Failed, 24 hours', value: atLeast(deliveries.failed, deliveries.more) },
    ],
    apps: apps.map(app => ({
      href: `/platform/apps/${app.id}`,
      app: badgeOf(app),
      id: app.id,
      note: noteOf(app),
      installed: installedText(installations.get(app.id)),
      status: appStatus(app),
    })),
    pages: [
      ...(input.hasPrevious ? [{ text: 'Newest apps', href: '/platform' }] : []),
      ...(input.hasNext ? [{ text: 'Older apps', href: `/platform?after=${apps.at(-1)?.id}` }] : []),
    ],
    registerAddress: `${input.publicUrl}/oauth/register`,
  }
}

/** `412` with the note `of 415`; cancelled deliveries count for neither. */
export function deliveredText({ delivered, failed, more }: DeliveryCounts): { value: string; note: string } {
  return { value: atLeast(delivered, more), note: `of ${atLeast(delivered + failed, more)}` }
}

export function installedText(counts: InstallationCounts | undefined): string {
  const { live, test, more } = counts ?? { live: 0, test: 0, more: false }
  return `${atLeast(live, more)} live, ${atLeast(test, more)} test`
}

function noteOf(app: App): string {
  if (app.status === 'draft') return 'installable in your own account only'
  if (app.latestVersion > app.version) return `version ${app.version} live, version ${app.latestVersion} in review`
  return `version ${app.version}`
}

/** `1,000+` if counting stopped at the bound. */
const atLeast = (count: number, more: boolean): string => `${count.toLocaleString('en-GB')}${more ? '+' : ''}`
