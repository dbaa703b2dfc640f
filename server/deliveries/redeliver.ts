import { type App, clearGoneAddress } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { type Actor, recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { hasExpired } from '../keys/find-keys.ts'
import { findDeliveryRow } from './delivery-log-store.ts'
import { reopen } from './delivery-store.ts'
import { type DeliveryWithAttempts, readDelivery } from './list-deliveries.ts'
import { recipientOf } from './queue-event.ts'

export type Redeliver = {
  deliveryId: string
  app: App
  installationId?: string | undefined
  /** Ids of the encryption keys that the app has now. */
  recipientKids: ReadonlySet<string>
  actor: Actor
}

/**
 * Sends the same event with the same ciphertext again, as new attempts on the same delivery, outside the order of the
 * installation's other events. Throws `delivery.recipient_key_changed` where nobody could open it any more, and
 * `delivery.state`, also where it would hand over a key that has expired.
 */
export async function redeliver(
  tx: Tx,
  { clock }: Pick<Caps, 'clock'>,
  command: Redeliver,
): Promise<DeliveryWithAttempts> {
  const at = clock.now()
  const delivery = await findDeliveryRow(tx, command.deliveryId)
  const foreign = command.installationId !== undefined && delivery?.installation_id !== command.installationId
  if (!delivery || delivery.app_id !== command.app.id || foreign) throw new AppError('object.not_found')
  const recipient = await recipientOf(tx, delivery.event_id)
  if (recipient !== undefined && !command.recipientKids.has(recipient)) {
    throw new AppError('delivery.recipient_key_changed', {
      detail: 'Rotate the key: a new one is sealed for the key that you have now.',
    })
  }
  if (delivery.key_id !== null && (await hasExpired(tx, delivery.key_id, at))) {
    throw new AppError('delivery.state', {
      detail: 'The key that it would hand over has expired. Rotate a key that works, or mint another.',
    })
  }
  if (!(await reopen(tx, delivery.id, at))) {
    throw new AppError('delivery.state', {
      detail: `The delivery is ${delivery.status}; only a delivered or failed one can be sent again.`,
    })
  }
  await clearGoneAddress(tx, command.app.id)
  const act = { actor: command.actor, what: 'delivery.redelivered', object: delivery.id, at }
  await recordActivity(tx, [command.app.platform.accountId], [{ ...act, data: { type: delivery.type } }])
  return await readDelivery(tx, delivery.id)
}
