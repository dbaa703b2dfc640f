import type { App } from '../../apps-registry/find-app.ts'
import { SECOND } from '../base/clock.ts'
import type { DeliveryWithAttempts } from '../deliveries/list-deliveries.ts'
import { dayTimeMoment, timeText } from '../http/format.ts'
import type { Moment, StatusModel } from '../http/page-parts.ts'
import {
  accountOf,
  answerStatus,
  attemptNote,
  deliveryStatus,
  type EventSubject,
  inText,
  msText,
  subjectOf,
} from './delivery-model-page.ts'

export type PlatformDeliveryPage = {
  app: { name: string; href: string }
  type: string
  status: StatusModel
  to: string
  redeliverAction?: string
  facts: { label: string; text: string; code?: boolean }[]
  /** What the attempts mean for the next steps. */
  attemptsNote: string
  attempts: {
    number: number
    sent: Moment
    answer: StatusModel
    took: string
    /** The response body of the platform; escaped. */
    body?: { size: string; text: string }
    note: string
  }[]
  head: string
  body: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'platform-delivery': PlatformDeliveryPage
  }
}

export type PlatformDeliveryInput = {
  app: App
  delivery: DeliveryWithAttempts
  body: string
  /** The app's deliveries are paused after a 410. */
  paused: boolean
  retrySchedule: readonly number[]
  mayManage: boolean
  now: number
}

export function platformDeliveryPage(input: PlatformDeliveryInput): PlatformDeliveryPage {
  const { app, delivery, body, paused, now } = input
  const href = `/platform/apps/${app.id}`
  const again = input.mayManage && (delivery.status === 'delivered' || delivery.status === 'failed')
  return {
    app: { name: app.manifest.client_name, href },
    type: delivery.type,
    status: deliveryStatus(delivery, paused, now),
    to: app.client.key_delivery_uri ?? 'no address',
    ...(again && app.status !== 'retired' && { redeliverAction: `${href}/deliveries/${delivery.id}/redeliver` }),
    facts: factsOf(delivery, subjectOf(body)),
    attemptsNote: attemptsNote(input),
    attempts: delivery.log.toReversed().map(attempt => ({
      number: attempt.number,
      sent: sentMoment(attempt.at - attempt.ms),
      answer: answerStatus(attempt),
      took: msText(attempt.ms),
      ...(attempt.answer !== '' && { body: { size: sizeText(attempt.answer), text: attempt.answer } }),
      note: attemptNote(attempt),
    })),
    head: `webhook-id: ${delivery.event_id}\nwebhook-timestamp: seconds since 1970, new on each attempt\nwebhook-signature: v1,…`,
    body: JSON.stringify(JSON.parse(body), null, 2),
  }
}

function factsOf(delivery: DeliveryWithAttempts, subject: EventSubject): PlatformDeliveryPage['facts'] {
  const { installation, sequence } = subject
  const event = { label: 'Event', text: delivery.event_id, code: true }
  if (!installation) return [event, { label: 'Account', text: accountOf(subject) }]
  return [
    event,
    { label: 'Account', text: `${installation.account_name}, ${installation.mode}` },
    { label: 'Installation', text: `${installation.id}, generation ${installation.generation}`, code: true },
    { label: 'Sequence', text: String(sequence) },
  ]
}

function attemptsNote({ delivery, paused, retrySchedule, now }: PlatformDeliveryInput): string {
  if (delivery.type === 'ping') return 'A test has one attempt. Redeliver makes another.'
  const most = retrySchedule.length + 1
  if (delivery.status === 'cancelled') return 'Cancelled: its key ended before it was handed over.'
  if (delivery.status === 'failed') return 'Nothing more is sent unless you press Redeliver.'
  if (delivery.status === 'delivered') return 'Any answer from 200 to 299 acknowledges.'
  if (paused) return 'Paused: the address answered 410 Gone.'
  if (delivery.attempts === 0) return 'The first is on its way.'
  const rest = retrySchedule.slice(delivery.attempts).reduce((sum, seconds) => sum + seconds, 0) * SECOND
  const last = delivery.next_attempt_at + rest
  const next = `${delivery.attempts} of ${most}. The next is at ${timeText(delivery.next_attempt_at)}`
  return rest === 0 ? `${next}, and it is the last.` : `${next}, the last about ${inText(last, now)}.`
}

/** The column says that it is UTC. */
function sentMoment(at: number): Moment {
  const { iso, text } = dayTimeMoment(at)
  return { iso, text: text.replace(/ UTC$/, '') }
}

function sizeText(text: string): string {
  return `${Buffer.byteLength(text).toLocaleString('en-GB')} bytes`
}
