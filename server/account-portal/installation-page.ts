import type { App } from '../../apps-registry/find-app.ts'
import { badgeOf, deliveryHost, type PermissionModel, permissionModels } from '../../apps-registry/listing-page.ts'
import type { Catalog } from '../base/catalog.ts'
import type { DeliveryView } from '../deliveries/installation-deliveries.ts'
import { capitalised, counted, dateText, dayTimeMoment } from '../http/format.ts'
import type { AppBadge, NoticeModel, StatusModel } from '../http/page-parts.ts'
import type { Installation } from '../installs/installation.ts'
import { asJudged, type InstallationStatus } from '../installs/installation-states.ts'
import type { UnusedPermissions } from '../installs/unused-permissions.ts'
import type { Key } from '../keys/find-keys.ts'
import { type KeyRow, keyRow } from './key-row-page.ts'
import { type UnusedPart, unusedPart } from './unused-permissions-page.ts'

export type InstallationPage = UnusedPart & {
  app: AppBadge
  status: StatusModel
  subtitle: string
  openHref?: string
  notices: NoticeModel[]
  uninstallHref?: string
  /** *Suspend* is confirmed in a dialog; *Resume* needs no confirmation. */
  suspend?: { action: string; title: string; text: string }
  resumeAction?: string
  progressHref?: string
  tryAgainAction?: string
  facts: { label: string; text: string; code?: boolean }[]
  keys: KeyRow[]
  permissions: PermissionModel[]
  deliveries: { title: string; type: string; sent: string; attempts: number; status: StatusModel }[]
  /** The next page of each list. */
  olderKeys?: string
  olderDeliveries?: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    installation: InstallationPage
  }
}

export const INSTALLATION_STATUS: Record<InstallationStatus, StatusModel> = {
  installing: { text: 'Installing', tone: 'info', waiting: true },
  active: { text: 'Active', tone: 'good' },
  delivery_failed: { text: 'Not delivered', tone: 'bad' },
  suspended: { text: 'Suspended', tone: 'warn' },
  uninstalled: { text: 'Uninstalled', tone: 'none' },
}

/** The state of an installation as verification judges its keys. */
export const installationStatus = (installation: Installation, app: App): StatusModel =>
  INSTALLATION_STATUS[asJudged(installation, app.status).status]

export type InstallationPageInput = {
  installation: Installation
  app: App
  accountName: string
  installedBy: string
  /** The number of its working keys. */
  working: number
  /** One page of each list, and one row more if there is a next page. */
  keys: readonly Key[]
  deliveries: readonly DeliveryView[]
  page: number
  unused: UnusedPermissions
  catalog: Catalog
  now: number
  mayManage: boolean
}

export function installationPage(input: InstallationPageInput): InstallationPage {
  const { installation, app, now, mayManage } = input
  const [keys, deliveries] = [input.keys.slice(0, input.page), input.deliveries.slice(0, input.page)]
  const base = `/apps/${installation.id}`
  const alive = installation.status !== 'uninstalled'
  return {
    app: badgeOf(app),
    status: installationStatus(installation, app),
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
    keys: keys.map(key =>
      keyRow(key, app, now, mayManage, { suspended: asJudged(installation, app.status).suspendedBy.length > 0 }),
    ),
    permissions: permissionModels(input.catalog, app.manifest, installation.permissions),
    ...unusedPart(input),
    deliveries: deliveries.map(delivery => deliveryRow(delivery)),
    ...(input.keys.length > keys.length && { olderKeys: `${base}?keys=${keys.at(-1)?.id}#keys-title` }),
    ...(input.deliveries.length > deliveries.length && {
      olderDeliveries: `${base}?deliveries=${deliveries.at(-1)?.sequence}#deliveries-title`,
    }),
  }
}

function suspensionOf({
  installation,
  app,
  working,
}: InstallationPageInput): Pick<InstallationPage, 'suspend' | 'resumeAction'> {
  if (installation.status === 'uninstalled' && working === 0) return {}
  if (installation.suspendedBy.includes('account')) return { resumeAction: `/apps/${installation.id}/resume` }
  if (installation.status !== 'active' && installation.status !== 'suspended') return {}
  const text = `${working === 1 ? 'Its key is' : `Its ${counted(working, 'key')} are`} refused from this moment. Nothing is deleted. You can resume at any time, and the same keys work again.`
  return { suspend: { action: `/apps/${installation.id}/suspend`, title: `Pause ${app.manifest.client_name}?`, text } }
}

function noticesOf({ installation, app, working }: InstallationPageInput): NoticeModel[] {
  const over = installation.status === 'uninstalled'
  if (installation.suspendedBy.length > 0 && (!over || working > 0)) {
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
