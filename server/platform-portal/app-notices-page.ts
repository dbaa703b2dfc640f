import type { App } from '../../apps-registry/find-app.ts'
import { deliveryHost } from '../../apps-registry/listing-page.ts'
import { reviewMark } from '../../apps-registry/review-mark.ts'
import type { DeliveryWithAttempts } from '../deliveries/list-deliveries.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import { attemptNote } from './delivery-model-page.ts'

type Noted = { app: App; goneAddress: string | null; review: 'required' | 'off' }

/** The notices at the top of an app's page. */
export function noticesOf(input: Noted): NoticeModel[] {
  const { app, review } = input
  const notices = stateNotices(input)
  if (app.status !== 'published' || reviewMark(app, review) !== 'changed') return notices
  const text = 'Its listing and the install page say so until the operator publishes it again.'
  return [...notices, { tone: 'warn', strong: 'Changed since its review.', text }]
}

function stateNotices({ app, goneAddress }: Noted): NoticeModel[] {
  if (app.status === 'suspended') {
    const text = 'All its keys are refused, and nobody can install it, until the operator resumes it.'
    return [{ tone: 'warn', strong: 'The operator has suspended this app.', text }]
  }
  if (goneAddress === null || app.status === 'retired') return []
  const text = `${goneAddress} answered 410 Gone. Nothing more is sent there until the address changes, a test delivery is acknowledged, or you press Redeliver.`
  return [{ tone: 'bad', strong: 'Deliveries are paused.', text }]
}

/** The result of the test delivery that was just sent. */
export function pingFlash(app: App, delivery: DeliveryWithAttempts): NoticeModel {
  const href = `/platform/apps/${app.id}/deliveries/${delivery.id}`
  const host = deliveryHost(app)
  const last = delivery.log.at(-1)
  if (delivery.status === 'pending' || !last)
    return {
      tone: 'info',
      strong: 'Test delivery sent.',
      text: `We wait for an answer from ${host}.`,
      action: { href: `/platform/apps/${app.id}?test=${delivery.id}`, text: 'Check again' },
    }
  const action = { href, text: 'See it' }
  if (delivery.status === 'delivered') {
    const text = `${host} answered ${last.status} after ${last.ms.toLocaleString('en-GB')} ms.`
    return { tone: 'good', strong: 'Test delivery acknowledged.', text, action }
  }
  const text = last.status === null ? `${host}: ${attemptNote(last)}` : `${host} answered ${last.status}.`
  return { tone: 'bad', strong: 'Test delivery failed.', text, action }
}
