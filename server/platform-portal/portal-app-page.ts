import type { App } from '../../apps-registry/find-app.ts'
import type { AppVersion } from '../../apps-registry/find-own-app.ts'
import { badgeOf } from '../../apps-registry/listing-page.ts'
import type { ParsedJwks } from '../../apps-registry/recipient-key.ts'
import { installationStatus } from '../account-portal/installation-page.ts'
import type { Catalog } from '../base/catalog.ts'
import type { DeliveryWithAttempts } from '../deliveries/list-deliveries.ts'
import { capitalised, dateText } from '../http/format.ts'
import type { AppBadge, NoticeModel, StatusModel } from '../http/page-parts.ts'
import type { Installation } from '../installs/installation.ts'
import type { InstallationCounts } from '../installs/list-installations.ts'
import { type AppCredentials, credentialsOf } from './app-credentials-page.ts'
import { noticesOf } from './app-notices-page.ts'
import { accountOf, type DeliveryRowModel, deliveryStatus, lastAnswer, subjectOf } from './delivery-model-page.ts'
import { appStatus, deliveredText, installedText } from './portal-page.ts'
import { type VersionModel, versionModel } from './version-page.ts'

export type PlatformAppPage = AppCredentials & {
  app: AppBadge
  id: string
  status: StatusModel
  notices: NoticeModel[]
  pingAction?: string
  submitAction?: string
  listingHref?: string
  facts: { label: string; text: string; code?: boolean }[]
  versions: VersionModel[]
  /** As registered, without secrets. */
  manifest: string
  clientId: string
  encryptionKey: string
  installations: {
    id: string
    account: string
    note: string
    status: StatusModel
    /** *Suspend* is confirmed in a dialog; *Resume* needs no confirmation. */
    suspendAction?: string
    resumeAction?: string
  }[]
  olderInstallations?: string
  filters: { text: string; href: string; current: boolean }[]
  deliveries: DeliveryRowModel[]
  olderDeliveries?: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'platform-app': PlatformAppPage
  }
}

const FILTERS = [
  { filter: 'all', text: 'All' },
  { filter: 'pending', text: 'Waiting' },
  { filter: 'failed', text: 'Failed' },
] as const
export type DeliveryFilter = (typeof FILTERS)[number]['filter']

export function readFilter(text: unknown): DeliveryFilter {
  return FILTERS.find(({ filter }) => filter === text)?.filter ?? 'all'
}

export type PlatformAppInput = {
  app: App
  versions: readonly AppVersion[]
  goneAddress: string | null
  counts: InstallationCounts | undefined
  week: Parameters<typeof deliveredText>[0]
  recipient: ParsedJwks
  installations: readonly { installation: Installation; accountName: string }[]
  moreInstallations: boolean
  deliveries: readonly DeliveryWithAttempts[]
  bodies: ReadonlyMap<string, string>
  moreDeliveries: boolean
  filter: DeliveryFilter
  mayManage: boolean
  maySubmit: boolean
  publicUrl: string
  review: 'required' | 'off'
  catalog: Catalog
  now: number
}

export function platformAppPage(input: PlatformAppInput): PlatformAppPage {
  const { app, filter } = input
  const base = `/platform/apps/${app.id}`
  const alive = app.status !== 'retired'
  const acts = alive && input.mayManage
  const lastInstallation = input.installations.at(-1)?.installation.id
  const lastDelivery = input.deliveries.at(-1)?.id
  const shown = (more: string) => `${base}?${new URLSearchParams({ show: filter })}&${more}`
  return {
    app: badgeOf(app),
    id: app.id,
    status: appStatus(app),
    notices: noticesOf(input),
    ...(acts && app.client.key_delivery_uri && { pingAction: `${base}/test` }),
    ...(input.maySubmit && app.status === 'draft' && input.review === 'required' && { submitAction: `${base}/submit` }),
    ...(alive && app.status !== 'suspended' && { listingHref: `/marketplace/${app.slug}` }),
    facts: factsOf(input),
    versions: input.versions.map(version => versionModel(version, input)),
    manifest: JSON.stringify(app.client, null, 2),
    clientId: app.id,
    ...credentialsOf(app, { acts, base, publicUrl: input.publicUrl, now: input.now }),
    encryptionKey: recipientText(input),
    installations: input.installations.map(({ installation, accountName }) => ({
      id: installation.id,
      account: accountName,
      note: `${capitalised(installation.mode)} mode since ${dateText(installation.createdAt)}${byText(installation)}`,
      status: installationStatus(installation, app),
      ...(acts && suspension(installation, base)),
    })),
    ...(input.moreInstallations && { olderInstallations: shown(`installations=${lastInstallation}#installations`) }),
    filters: FILTERS.map(entry => ({
      text: entry.text,
      href: `${base}?show=${entry.filter}#deliveries`,
      current: entry.filter === filter,
    })),
    deliveries: input.deliveries.map(delivery => deliveryRow(delivery, input, acts)),
    ...(input.moreDeliveries && { olderDeliveries: shown(`before=${lastDelivery}#deliveries`) }),
  }
}

function factsOf(input: PlatformAppInput): PlatformAppPage['facts'] {
  const { value, note } = deliveredText(input.week)
  return [
    { label: 'Installations', text: installedText(input.counts) },
    { label: 'Keys are sent to', text: input.app.client.key_delivery_uri ?? 'Nowhere', code: true },
    { label: 'Delivered, 7 days', text: `${value} ${note}` },
    { label: 'Published by', text: input.app.platform.name },
  ]
}

function recipientText({ app, recipient }: PlatformAppInput): string {
  if (recipient.fault) return app.manifest.managed_keys.length > 0 ? 'None: no key can be made for this app.' : 'None'
  const from = app.client.jwks_uri ? ` from ${app.client.jwks_uri}` : ''
  return `${recipient.recipient.kid}, ${recipient.recipient.alg}${from}`
}

function byText({ suspendedBy }: Installation): string {
  const names = { account: 'the account', platform: 'you', operator: 'the operator' }
  return suspendedBy.length === 0 ? '' : `, suspended by ${suspendedBy.map(by => names[by]).join(' and by ')}`
}

function suspension({ id, suspendedBy }: Installation, base: string) {
  const path = `${base}/installations/${id}`
  if (suspendedBy.includes('platform')) return { resumeAction: `${path}/resume` }
  return suspendedBy.includes('operator') ? {} : { suspendAction: `${path}/suspend` }
}

function deliveryRow(delivery: DeliveryWithAttempts, input: PlatformAppInput, acts: boolean): DeliveryRowModel {
  const href = `/platform/apps/${input.app.id}/deliveries/${delivery.id}`
  const again = acts && (delivery.status === 'delivered' || delivery.status === 'failed')
  return {
    href,
    type: delivery.type,
    eventId: delivery.event_id,
    account: accountOf(subjectOf(input.bodies.get(delivery.event_id))),
    attempts: delivery.log.length,
    last: lastAnswer(delivery.log.at(-1)),
    status: deliveryStatus(delivery, input.goneAddress !== null, input.now),
    ...(again && { redeliverAction: `${href}/redeliver` }),
  }
}
