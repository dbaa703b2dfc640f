import type { App } from '../../apps-registry/find-app.ts'
import { badgeOf, deliveryHost } from '../../apps-registry/listing-page.ts'
import type { DeliveryView } from '../deliveries/installation-deliveries.ts'
import { counted, preciseTimeText, timeText } from '../http/format.ts'
import type { AppBadge, NoticeModel, StatusModel } from '../http/page-parts.ts'
import type { Installation } from '../installs/installation.ts'
import type { Key } from '../keys/find-keys.ts'
import { attemptText } from './installation-page.ts'

export type RouteStep = { title: string; text: string; state: 'done' | 'now' | 'failed' | 'todo' }

/** The delivery of each key to the platform. `phase`: in progress, retrying, failed, or done. */
export type InstallingPage = {
  app: AppBadge
  phase: 'underway' | 'retrying' | 'failed' | 'done'
  heading: string
  lede: string
  keys: { name: string; redacted: string; status: StatusModel; steps: RouteStep[]; acknowledged: string }[]
  deliveryHost: string
  notice?: NoticeModel
  installationHref: string
  /** POST target of *Send again now* (phase `retrying`) or *Try again* (phase `failed`). */
  retryAction?: string
  /** `setup_uri`, once done. */
  continueHref?: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    installing: InstallingPage
  }
}

export type InstallingInput = {
  installation: Installation
  app: App
  keys: readonly Key[]
  deliveries: readonly DeliveryView[]
  mayManage: boolean
  /** The number of attempts in the schedule. */
  mostAttempts: number
}

type Phase = InstallingPage['phase']

/** The delivery of each key of an installation to its platform, step by step. */
export function installingPage(input: InstallingInput): InstallingPage {
  const { installation, app, deliveries } = input
  const phase = phaseOf(installation, deliveries)
  const retry = input.mayManage ? retryTarget(installation.id, phase) : undefined
  const name = app.manifest.client_name
  return {
    app: badgeOf(app),
    phase,
    ...WORDS[phase](name, input.keys.length),
    keys: input.keys.map(key => keyOf(input, key)),
    deliveryHost: deliveryHost(app),
    ...(phase === 'retrying' && { notice: { tone: 'none' as const, strong: 'If it never answers,', text: NEVER } }),
    installationHref: `/apps/${installation.id}`,
    ...(retry && { retryAction: retry }),
    ...(phase === 'done' && app.client.setup_uri && { continueHref: app.client.setup_uri }),
  }
}

const NEVER =
  'the keys expire unused after about 3 days and you can try again. Keys that nobody received cannot be used.'

const WORDS: Record<Phase, (name: string, keys: number) => { heading: string; lede: string }> = {
  underway: name => ({
    heading: `Installing ${name}`,
    lede: 'Its keys are on their way. This usually takes a second. You may leave this page; nothing is lost.',
  }),
  retrying: name => ({
    heading: `${name} has not answered yet`,
    lede: 'The app is installed and its keys are sealed. We keep trying to hand them over. You may leave this page.',
  }),
  failed: name => ({
    heading: `${name} never answered`,
    lede: 'Its keys expired unused. Nothing can use them. You can try again: new keys are made.',
  }),
  done: (name, keys) => ({
    heading: `${name} is installed`,
    lede:
      keys === 0
        ? 'It is ready.'
        : `It has confirmed ${keys === 1 ? 'its key' : `all ${counted(keys, 'key')}`}. It is ready.`,
  }),
}

function phaseOf({ status }: Installation, deliveries: readonly DeliveryView[]): Phase {
  if (status === 'delivery_failed') return 'failed'
  if (status !== 'installing') return 'done'
  return deliveries.some(delivery => delivery.status === 'pending' && delivery.attempts > 0) ? 'retrying' : 'underway'
}

function retryTarget(id: string, phase: Phase): string | undefined {
  if (phase === 'failed') return `/apps/${id}/retry`
  return phase === 'retrying' ? `/apps/${id}/send-now` : undefined
}

function keyOf({ deliveries, mostAttempts, app }: InstallingInput, key: Key): InstallingPage['keys'][number] {
  const delivery = deliveries.find(candidate => candidate.key_id === key.id)
  const before = deliveries.find(
    other => other.status === 'pending' && delivery !== undefined && other.sequence < delivery.sequence,
  )
  const sent = sentStep(delivery, before, mostAttempts, deliveryHost(app))
  const acknowledged = delivery?.status === 'delivered' && delivery.last ? `after ${delivery.last.ms} ms` : ''
  return {
    name: key.name,
    redacted: key.redacted,
    status: statusOf(delivery, before),
    steps: [
      { title: 'Minted', text: preciseTimeText(key.createdAt), state: 'done' },
      { title: 'Sealed', text: 'In the same step', state: 'done' },
      sent,
      acknowledgedStep(delivery, acknowledged),
    ],
    acknowledged: acknowledged && `Acknowledged ${acknowledged}`,
  }
}

function statusOf(delivery: DeliveryView | undefined, before: DeliveryView | undefined): StatusModel {
  if (!delivery || delivery.status === 'cancelled' || delivery.status === 'failed')
    return { text: 'Expired unused', tone: 'bad' }
  if (delivery.status === 'delivered') return { text: 'Delivered', tone: 'good' }
  if (before && before.attempts > 0) return { text: 'Waiting its turn', tone: 'none', waiting: true }
  return delivery.attempts > 0
    ? { text: 'Trying again', tone: 'warn', waiting: true }
    : { text: 'On its way', tone: 'info', waiting: true }
}

function sentStep(
  delivery: DeliveryView | undefined,
  before: DeliveryView | undefined,
  most: number,
  host: string,
): RouteStep {
  if (!delivery || delivery.status === 'cancelled') return { title: 'Sent', text: 'Not sent', state: 'todo' }
  if (delivery.status === 'delivered' && delivery.last)
    return { title: 'Sent', text: preciseTimeText(delivery.last.at - delivery.last.ms), state: 'done' }
  if (delivery.last)
    return {
      title: 'Sent',
      text: `Attempt ${delivery.attempts} of ${most}: ${attemptText(delivery.last)}`,
      state: 'failed',
    }
  if (before) return { title: 'Sent', text: 'After earlier events', state: 'todo' }
  return { title: 'Sent', text: `Waiting for ${host}`, state: 'now' }
}

function acknowledgedStep(delivery: DeliveryView | undefined, after: string): RouteStep {
  if (delivery?.status === 'delivered')
    return { title: 'Acknowledged', text: after && `A${after.slice(1)}`, state: 'done' }
  if (delivery?.status === 'pending' && delivery.attempts > 0) {
    return { title: 'Acknowledged', text: `Next attempt at ${timeText(delivery.next_attempt_at)}`, state: 'todo' }
  }
  return { title: 'Acknowledged', text: 'Not yet', state: 'todo' }
}
