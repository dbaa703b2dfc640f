import type { PlatformView } from '../../apps-registry/create-platform.ts'
import type { App } from '../../apps-registry/find-app.ts'
import { badgeOf } from '../../apps-registry/listing-page.ts'
import type { FieldFault, PlatformHomePage, StatusModel } from '../../views/models.ts'
import type { DeliveryWithAttempts } from '../deliveries/list-deliveries.ts'
import { dateText } from '../http/format.ts'

const APP_STATUS: Record<App['status'], StatusModel> = {
  draft: { text: 'Draft', tone: 'none' },
  in_review: { text: 'In review', tone: 'info', waiting: true },
  published: { text: 'Published', tone: 'good' },
  suspended: { text: 'Suspended', tone: 'warn' },
  retired: { text: 'Retired', tone: 'none' },
}

export const appStatus = (app: App): StatusModel => APP_STATUS[app.status]

type Counts = ReadonlyMap<DeliveryWithAttempts['status'], number>

export type PlatformHomeInput = {
  platforms: readonly PlatformView[]
  apps: readonly App[]
  installations: ReadonlyMap<string, { live: number; test: number }>
  deliveries: Counts
  mayManage: boolean
  publicUrl: string
  /** As typed. */
  name: string
  faults: FieldFault[]
}

export function platformHomePage(input: PlatformHomeInput): PlatformHomePage {
  const { platforms, apps, installations, deliveries } = input
  const all = [...installations.values()].reduce((sum, { live, test }) => sum + live + test, 0)
  return {
    mayManage: input.mayManage,
    platforms: platforms.map(({ id, name, tokens }) => ({
      id,
      name,
      tokenAction: `/platform/${id}/token`,
      tokens: tokens.map(({ redacted, createdAt }) => ({ redacted, made: dateText(createdAt) })),
    })),
    values: { name: input.name },
    faults: input.faults,
    stats: [
      { label: 'Installations', value: number(all) },
      { label: 'Delivered, 24 hours', ...deliveredText(deliveries) },
      { label: 'Waiting', value: number(deliveries.get('pending') ?? 0) },
      { label: 'Failed, 24 hours', value: number(deliveries.get('failed') ?? 0) },
    ],
    apps: apps.map(app => ({
      href: `/platform/apps/${app.id}`,
      app: badgeOf(app),
      id: app.id,
      note: noteOf(app),
      installed: installedText(installations.get(app.id)),
      status: appStatus(app),
    })),
    registerAddress: `${input.publicUrl}/oauth/register`,
  }
}

/** `412` with the note `of 415`; what was cancelled counts for neither. */
export function deliveredText(counts: Counts): { value: string; note: string } {
  const [delivered, failed] = [counts.get('delivered') ?? 0, counts.get('failed') ?? 0]
  return { value: number(delivered), note: `of ${number(delivered + failed)}` }
}

export function installedText(counts: { live: number; test: number } | undefined): string {
  return `${number(counts?.live ?? 0)} live, ${number(counts?.test ?? 0)} test`
}

function noteOf(app: App): string {
  if (app.status === 'draft') return 'installable in your own account only'
  if (app.latestVersion > app.version) return `version ${app.version} live, version ${app.latestVersion} in review`
  return `version ${app.version}`
}

const number = (count: number): string => count.toLocaleString('en-GB')
