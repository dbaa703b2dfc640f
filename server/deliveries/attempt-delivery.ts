import { Webhook } from 'standardwebhooks'
import { openWebhookSecrets } from '../../apps-registry/app-secrets.ts'
import { findApp, noteGoneAddress } from '../../apps-registry/find-app.ts'
import type { Database, Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { SECOND } from '../base/clock.ts'
import { type Outbound, OutboundError } from '../base/outbound.ts'
import { type DeliveryRow, insertAttempt, postpone, readEvent, settle } from './delivery-store.ts'
import type { EventType } from './event-type.ts'
import { nextStep } from './schedule.ts'

export type Settled = {
  deliveryId: string
  installationId: string
  keyId: string | null
  type: EventType
  /** The address is gone for good; the app's other deliveries are held. */
  gone: boolean
}

/** What must follow from the end of a delivery, in its transaction, in rooms that this one may not call. */
export type DeliveryHooks = {
  /** Takes the installation's row before the delivery's, in the order in which every verb takes them. */
  hold(tx: Tx, installationId: string): Promise<void>
  delivered(tx: Tx, settled: Settled): Promise<void>
  failed(tx: Tx, settled: Settled): Promise<void>
}

export type AttemptCaps = Caps & {
  database: Database
  outbound: Outbound
  /** Seconds between attempts. */
  retrySchedule: readonly number[]
  hooks: DeliveryHooks
}

type Answer = {
  address: string | undefined
  status: number | null
  error: string | null
  retryAfter: string | undefined
  body: string
  ms: number
}

const GONE = 410

/** Makes one attempt of a leased delivery, outside any transaction, and writes down how it went. */
export async function attemptDelivery(caps: AttemptCaps, delivery: DeliveryRow): Promise<void> {
  const { clock, database, keyring } = caps
  const { event, app } = await database.read(async tx => ({
    event: await readEvent(tx, delivery.event_id),
    app: await findApp(tx, delivery.app_id),
  }))
  const address = app?.client.key_delivery_uri
  const answer =
    app && address
      ? await post(caps, address, delivery.event_id, event.body, openWebhookSecrets(keyring, app, clock.now()))
      : { address: undefined, status: null, error: 'no_address', retryAfter: undefined, body: '', ms: 0 }
  await database.transaction(tx => record(tx, caps, delivery, event.type, answer))
}

async function post(
  { clock, outbound }: AttemptCaps,
  url: string,
  eventId: string,
  body: string,
  secrets: readonly string[],
): Promise<Answer> {
  const start = clock.now()
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Latchkey',
    'webhook-id': eventId,
    'webhook-timestamp': String(Math.floor(start / SECOND)),
    'webhook-signature': secrets.map(secret => new Webhook(secret).sign(eventId, new Date(start), body)).join(' '),
  }
  try {
    const { status, retryAfter, body: kept } = await outbound.post(url, headers, body)
    const error = status >= 200 && status < 300 ? null : status >= 300 && status < 400 ? 'redirect' : 'status'
    return { address: url, status, error, retryAfter, body: kept, ms: clock.now() - start }
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return { address: url, status: null, error: error.fault, retryAfter: undefined, body: '', ms: clock.now() - start }
  }
}

async function record(
  tx: Tx,
  caps: AttemptCaps,
  delivery: DeliveryRow,
  type: EventType,
  answer: Answer,
): Promise<void> {
  const at = caps.clock.now()
  await caps.hooks.hold(tx, delivery.installation_id)
  const row = { at, status: answer.status, ms: answer.ms, error: answer.error, answer: printable(answer.body) }
  await insertAttempt(tx, { delivery_id: delivery.id, ...row })
  const settled = {
    deliveryId: delivery.id,
    installationId: delivery.installation_id,
    keyId: delivery.key_id,
    type,
    gone: answer.status === GONE,
  }
  if (answer.error === null) {
    if (await settle(tx, delivery, 'delivered', at)) await caps.hooks.delivered(tx, settled)
    return
  }
  if (answer.status === GONE && answer.address) await noteGoneAddress(tx, delivery.app_id, answer.address)
  const next =
    answer.status === GONE
      ? 'exhausted'
      : nextStep(caps.retrySchedule, delivery.attempts + 1, answer.retryAfter, at, caps.random)
  if (next !== 'exhausted') await postpone(tx, delivery, next.at)
  else if (await settle(tx, delivery, 'failed', at)) await caps.hooks.failed(tx, settled)
}

/** PostgreSQL refuses NUL in text. */
function printable(body: string): string {
  return body.replaceAll('\0', '�')
}
