import type { App } from '../../apps-registry/find-app.ts'
import { clearGoneAddress, findGoneAddress } from '../../apps-registry/gone-address.ts'
import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { hasExpired } from '../keys/find-keys.ts'
import { reopen } from './delivery-store.ts'
import { type DeliveryWithAttempts, readAppDelivery, readDelivery } from './list-deliveries.ts'
import { recipientOf } from './queue-event.ts'

export type Redeliver = {
  deliveryId: string
  app: App
  installationId?: string | undefined
  /** Ids of the app's current encryption keys. */
  recipientKids: ReadonlySet<string>
  /** The result of `endPause`. */
  pauseEnded?: boolean
  actor: Actor
}

/**
 * Ends the pause after a 410, whichever delivery *Redeliver* was pressed on. Runs in a separate transaction before `redeliver`.
 * Returns whether there was a pause. Throws `object.not_found`, also for another app's delivery.
 */
export async function endPause(
  tx: Tx,
  caps: Caps,
  command: Pick<Redeliver, 'deliveryId' | 'app' | 'installationId' | 'actor'>,
): Promise<boolean> {
  const delivery = await findDeliveryToSend(tx, command)
  if ((await findGoneAddress(tx, command.app.id)) === null) return false
  await clearGoneAddress(tx, command.app.id)
  const act = { actor: command.actor, what: 'deliveries.resumed', object: command.app.id, at: caps.clock.now() }
  await recordActivity(tx, caps, [command.app.platform.accountId], [{ ...act, data: { delivery: delivery.id } }])
  return true
}

/** Throws `object.not_found`, also for another app's delivery. */
export async function findDeliveryToSend(
  tx: Tx,
  { deliveryId, app, installationId }: Pick<Redeliver, 'deliveryId' | 'app' | 'installationId'>,
): Promise<DeliveryWithAttempts> {
  const delivery = await readAppDelivery(tx, app.id, deliveryId)
  if (installationId !== undefined && delivery.installation_id !== installationId)
    throw new AppError('object.not_found')
  return delivery
}

/**
 * Sends the same event with the same ciphertext again, as new attempts of the same delivery, outside the order of the
 * installation's other events. Throws `delivery.recipient_key_changed` if the platform can no longer decrypt it, `key.expired`
 * if its key has expired, and `delivery.not_redeliverable`.
 */
export async function redeliver(tx: Tx, caps: Caps, command: Redeliver): Promise<DeliveryWithAttempts> {
  const at = caps.clock.now()
  const delivery = await findDeliveryToSend(tx, command)
  if (command.pauseEnded && delivery.status === 'pending') return delivery // ending the pause has made it due
  const recipient = await recipientOf(tx, delivery.event_id)
  if (recipient !== undefined && !command.recipientKids.has(recipient)) {
    throw new AppError('delivery.recipient_key_changed', {
      detail: 'Rotate the key: the new one is sealed for your current public key.',
    })
  }
  if (delivery.key_id !== null && (await hasExpired(tx, delivery.key_id, at))) {
    throw new AppError('key.expired', {
      detail:
        'A delivery that hands over a key which has expired is not sent again. Rotate a key that works, or mint another.',
    })
  }
  if (!(await reopen(tx, delivery.id, at))) {
    throw new AppError('delivery.not_redeliverable', {
      detail: `The delivery is ${delivery.status}; only a delivered or failed one can be sent again.`,
    })
  }
  const act = { actor: command.actor, what: 'delivery.redelivered', object: delivery.id, app: command.app.id, at }
  await recordActivity(tx, caps, [command.app.platform.accountId], [{ ...act, data: { type: delivery.type } }])
  return await readDelivery(tx, delivery.id)
}
