import type { App } from '../../apps-registry/find-app.ts'
import { badgeOf, deliveryHost, permissionModels } from '../../apps-registry/listing-page.ts'
import type { InstallationPage, InstalledAppsPage, NoticeModel, StatusModel } from '../../views/models.ts'
import type { Catalog } from '../base/catalog.ts'
import type { DeliveryView } from '../deliveries/queue-event.ts'
import { agoText, counted, dateText, dayTimeMoment } from '../http/format.ts'
import { capitalised } from '../http/pages.ts'
import type { Key } from '../keys/find-keys.ts'
import { statusAt } from '../keys/key-states.ts'
import type { Installation } from './find-installation.ts'
import type { InstallationStatus } from './installation-states.ts'
import { keyRow } from './key-row-page.ts'
import type { UnusedPermissions } from './unused-permissions.ts'
import { unusedPart } from './unused-permissions-page.ts'

const STATUS: Record<InstallationStatus, StatusModel> = {
  installing: { text: 'Installing', tone: 'info', waiting: true },
  active: { text: 'Active', tone: 'good' },
  delivery_failed: { text: 'Not delivered', tone: 'bad' },
  suspended: { text: 'Suspended', tone: 'warn' },
  uninstalled: { text: 'Uninstalled', tone: 'none' },
}

export const installationStatus = (installation: Installation): StatusModel => STATUS[installation.status]

export function installedAppsPage(
  accountName: string,
  installations: readonly Installation[],
  apps: ReadonlyMap<string, App>,
  keys: readonly Key[],
  now: number,
): InstalledAppsPage {
  const working = (installation: Installation) =>
    keys.filter(key => key.installationId === installation.id && statusAt(key, now) !== 'expired')
  const page: InstalledAppsPage = { accountName, apps: [], kept: [] }
  for (const installation of installations) {
    const app = apps.get(installation.appId)
    if (!app) continue
    const own = working(installation)
    const common = { app: badgeOf(app), test: installation.mode === 'test' }
    const href = `/apps/${installation.id}`
    if (installation.status !== 'uninstalled') {
      const tryAgain = installation.status === 'delivery_failed' && { tryAgainHref: href }
      page.apps.push({
        href,
        ...common,
        note: noteOf(installation, own, now),
        status: installationStatus(installation),
        ...tryAgain,
      })
    } else if (own.length > 0) {
      page.kept.push({
        href: installation.suspendedBy.length > 0 ? href : '/keys',
        ...common,
        note: `${counted(own.length, 'key')} kept, ${lastUse(own, now)}`,
        status: installation.suspendedBy.length > 0 ? STATUS.suspended : { text: 'Kept', tone: 'warn' },
      })
    }
  }
  return page
}

function noteOf(installation: Installation, working: readonly Key[], now: number): string {
  if (installation.status === 'delivery_failed')
    return working.length > 0
      ? `${counted(working.length, 'key')} arrived, others expired unused`
      : 'Its keys expired unused'
  if (installation.status === 'installing') return `${counted(working.length, 'key')} on the way`
  return `${counted(working.length, 'key')}, ${lastUse(working, now)}`
}

function lastUse(keys: readonly Key[], now: number): string {
  const latest = Math.max(0, ...keys.map(key => key.lastUsedAt ?? 0))
  return latest === 0 ? 'never used' : `last used ${agoText(latest, now).toLowerCase()}`
}

export type InstallationPageInput = {
  installation: Installation
  app: App
  accountName: string
  installedBy: string
  keys: readonly Key[]
  deliveries: readonly DeliveryView[]
  unused: UnusedPermissions
  catalog: Catalog
  now: number
  mayManage: boolean
}

export function installationPage(input: InstallationPageInput): InstallationPage {
  const { installation, app, keys, now, mayManage } = input
  const base = `/apps/${installation.id}`
  const alive = installation.status !== 'uninstalled'
  return {
    app: badgeOf(app),
    status: installationStatus(installation),
    subtitle: `${capitalised(installation.mode)} mode in ${input.accountName}`,
    ...(alive && app.client.setup_uri && { openHref: app.client.setup_uri }),
    notices: noticesOf(input),
    ...(alive && mayManage && { uninstallHref: `${base}/uninstall` }),
    ...(mayManage && suspensionOf(input)),
    ...(installation.status === 'installing' && { progressHref: `${base}/installing` }),
    ...(installation.status === 'delivery_failed' && mayManage && { tryAgainAction: `${base}/retry` }),
    facts: [
      { label: 'Installed', text: `${dateText(installation.createdAt)} by ${input.installedBy}` },
      { label: 'Keys are sent to', text: deliveryHost(app), code: true },
      { label: 'Approved version', text: String(installation.version) },
      {
        label: 'Installation',
        text: `${installation.id}${installation.generation > 1 ? `, number ${installation.generation}` : ''}`,
        code: true,
      },
    ],
    keys: keys.map(key => keyRow(key, app, now, mayManage, { suspended: installation.suspendedBy.length > 0 })),
    permissions: permissionModels(input.catalog, app.manifest, installation.permissions),
    ...unusedPart(input),
    deliveries: input.deliveries.toReversed().map(delivery => deliveryRow(delivery)),
  }
}

function suspensionOf({
  installation,
  app,
  keys,
  now,
}: InstallationPageInput): Pick<InstallationPage, 'suspend' | 'resumeAction'> {
  const working = keys.filter(key => statusAt(key, now) !== 'expired').length
  if (installation.status === 'uninstalled' && working === 0) return {}
  if (installation.suspendedBy.includes('account')) return { resumeAction: `/apps/${installation.id}/resume` }
  if (installation.status !== 'active' && installation.status !== 'suspended') return {}
  const text = `${working === 1 ? 'Its key is' : `Its ${counted(working, 'key')} are`} refused from this moment. Nothing is deleted. You can resume at any time, and the same keys work again.`
  return { suspend: { action: `/apps/${installation.id}/suspend`, title: `Pause ${app.manifest.client_name}?`, text } }
}

function noticesOf({ installation, app, keys, now }: InstallationPageInput): NoticeModel[] {
  const over = installation.status === 'uninstalled'
  if (installation.suspendedBy.length > 0 && (!over || keys.some(key => statusAt(key, now) !== 'expired'))) {
    const names = { account: 'you', platform: app.platform.name, operator: 'the operator' }
    const who = installation.suspendedBy.map(by => names[by]).join(' and by ')
    const text = `${over ? 'The keys that were kept' : 'Its keys'} are refused until it is resumed.`
    return [{ tone: 'warn', strong: `Suspended by ${who}.`, text }]
  }
  if (app.status === 'suspended')
    return [{ tone: 'warn', strong: 'The app is suspended.', text: 'Its keys are refused until it is resumed.' }]
  if (installation.status === 'delivery_failed') {
    return [
      {
        tone: 'bad',
        strong: `${app.manifest.client_name} never answered.`,
        text: 'Its keys expired unused. Try again: new keys are made for it.',
      },
    ]
  }
  if (installation.status === 'uninstalled' && installation.uninstalledAt !== null) {
    return [
      { tone: 'info', strong: 'This app is uninstalled.', text: `Since ${dateText(installation.uninstalledAt)}.` },
    ]
  }
  return []
}

const EVENT_TITLES: Record<DeliveryView['type'], string> = {
  'installation.created': 'App installed',
  'managed_key.created': 'Key delivered',
  'managed_key.rotated': 'Key rotated',
  'managed_key.expired': 'Key expired',
  'installation.updated': 'Permissions changed',
  'installation.suspended': 'App suspended',
  'installation.resumed': 'App resumed',
  'installation.uninstalled': 'App uninstalled',
  ping: 'Test delivery',
}

const DELIVERY_STATUS: Record<DeliveryView['status'], StatusModel> = {
  pending: { text: 'Pending', tone: 'info', waiting: true },
  delivered: { text: 'Delivered', tone: 'good' },
  failed: { text: 'Failed', tone: 'bad' },
  cancelled: { text: 'Cancelled', tone: 'none' },
}

function deliveryRow(delivery: DeliveryView): InstallationPage['deliveries'][number] {
  const status = DELIVERY_STATUS[delivery.status]
  const note = delivery.status !== 'delivered' && delivery.last ? { note: attemptText(delivery.last) } : {}
  return {
    title: EVENT_TITLES[delivery.type],
    type: delivery.type,
    sent: delivery.last ? dayTimeMoment(delivery.last.at).text : 'Not yet',
    attempts: delivery.attempts,
    status: { ...status, ...note },
  }
}

/** How an attempt ended, in a word or two. */
export function attemptText(attempt: { status: number | null; error: string | null }): string {
  if (attempt.status !== null) return `answered ${attempt.status}`
  return `no answer (${(attempt.error ?? 'unknown').replaceAll('_', ' ')})`
}
