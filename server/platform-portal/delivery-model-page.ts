import { STATUS_CODES } from 'node:http'
import { SECOND } from '../base/clock.ts'
import type { DeliveryWithAttempts } from '../deliveries/list-deliveries.ts'
import { counted } from '../http/format.ts'
import type { StatusModel } from '../http/page-parts.ts'

export type DeliveryRowModel = {
  href: string
  type: string
  eventId: string
  account: string
  attempts: number
  last: string
  status: StatusModel
  /** Absent if it cannot be sent again, or not by this role. */
  redeliverAction?: string
}

type Attempt = DeliveryWithAttempts['log'][number]

const ENDED: Record<Exclude<DeliveryWithAttempts['status'], 'pending'>, StatusModel> = {
  delivered: { text: 'Delivered', tone: 'good' },
  failed: { text: 'Failed', tone: 'bad' },
  cancelled: { text: 'Cancelled', tone: 'none' },
}

/** The state of a delivery; a pending one says when it is retried, or that it is paused. */
export function deliveryStatus(delivery: DeliveryWithAttempts, paused: boolean, now: number): StatusModel {
  if (delivery.status !== 'pending') return ENDED[delivery.status]
  if (paused && delivery.installation_id !== null) return { text: 'Paused', tone: 'warn', waiting: true }
  if (delivery.attempts === 0) return { text: 'On its way', tone: 'info', waiting: true }
  return { text: `Next ${inText(delivery.next_attempt_at, now)}`, tone: 'warn', waiting: true }
}

/** `now`, `in 40 seconds`, `in 4 minutes`, `in 5 hours` */
export function inText(at: number, now: number): string {
  const seconds = Math.ceil((at - now) / SECOND)
  if (seconds <= 0) return 'now'
  if (seconds < 60) return `in ${counted(seconds, 'second')}`
  if (seconds < 7_200) return `in ${counted(Math.ceil(seconds / 60), 'minute')}`
  return `in ${counted(Math.round(seconds / 3_600), 'hour')}`
}

/** `200 after 96 ms`, `No answer after 15,000 ms`, `Not sent` */
export function lastAnswer(attempt: Attempt | undefined): string {
  if (!attempt) return 'Not sent'
  return `${attempt.status ?? 'No answer'} after ${msText(attempt.ms)}`
}

export const msText = (ms: number): string => `${ms.toLocaleString('en-GB')} ms`

export function answerStatus({ status, error }: Attempt): StatusModel {
  if (status === null) return { text: 'No answer', tone: 'bad' }
  return { text: `${status} ${STATUS_CODES[status] ?? ''}`.trim(), tone: error === null ? 'good' : 'bad' }
}

const FAULTS: Record<string, string> = {
  address_refused: 'The address is in a private network, so it was not called.',
  dns: 'The host name has no public address: it is unknown, or resolves to a private one.',
  timeout: 'No answer within 15 seconds.',
  redirect: 'It answered with a redirect, which deliveries do not follow.',
  no_address: 'The app has no key delivery address.',
}

/** The result of an attempt as a sentence; empty if its status is enough. */
export function attemptNote({ error }: Attempt): string {
  if (error === null || error === 'status') return ''
  return FAULTS[error] ?? `The connection failed (${error.replaceAll('_', ' ')}).`
}

export type EventSubject = {
  installation?: { id: string; generation: number; account_name: string; mode: string }
  sequence?: number
}

/** What the body of an event says about its subject. */
export function subjectOf(body: string | undefined): EventSubject {
  const event: { data?: EventSubject } = body === undefined ? {} : JSON.parse(body)
  return event.data ?? {}
}

export const accountOf = ({ installation }: EventSubject): string => installation?.account_name ?? 'Your own test'
