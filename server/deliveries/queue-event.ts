import type { App } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { insertDelivery, insertEvent, readEvent } from './delivery-store.ts'
import { type EventDetails, type EventInstallation, eventBody } from './event.ts'
import type { EventType } from './event-type.ts'

export type QueueEvent = {
  app: App
  installation: EventInstallation
  type: EventType
  /** Per installation; incremented with each event. */
  sequence: number
  details: EventDetails
  /** Set if the event delivers a key. */
  keyId?: string
  /** False: for readers of the event list only; not sent, because the address has failed. */
  sent?: boolean
}

/** Queues an event and its delivery in the caller's transaction: both are committed, or neither. */
export async function queueEvent(
  tx: Tx,
  { clock, ids }: Pick<Caps, 'clock' | 'ids'>,
  command: QueueEvent,
): Promise<void> {
  const at = clock.now()
  const { app, installation, type, sequence } = command
  const body = eventBody(type, at, installation, sequence, command.details)
  const event = { id: ids.next('evt'), type, appId: app.id, installationId: installation.id, sequence, body, at }
  await insertEvent(tx, event)
  if (app.client.key_delivery_uri && command.sent !== false)
    await insertDelivery(tx, { id: ids.next('dlv'), event, keyId: command.keyId ?? null })
}

/** The id of the public key that an event's secret is sealed to; undefined if it carries none. */
export async function recipientOf(tx: Tx, eventId: string): Promise<string | undefined> {
  const { body } = await readEvent(tx, eventId)
  const event: { data?: { encrypted_secret?: { recipient_key_id?: string } } } = JSON.parse(body)
  return event.data?.encrypted_secret?.recipient_key_id
}
