import { recipientKids } from '../../../apps-registry/current-recipient.ts'
import { endPause, findDeliveryToSend, redeliver as sendAgain } from '../../deliveries/redeliver.ts'
import { deliveryObject } from '../api-objects.ts'
import { Delivery, NoMembers } from '../api-schemas.ts'
import { type Caller, requireId } from '../caller.ts'
import { idempotentOperation } from '../idempotent-operation.ts'

export const redeliver = idempotentOperation({
  method: 'post',
  path: '/v1/deliveries/:delivery/redeliver',
  tag: 'Deliveries',
  id: 'redeliver',
  summary:
    'Send the same event with the same ciphertext again, beside its later events; a key that has expired is refused (409)',
  body: NoMembers,
  answers: { 200: Delivery },
  errors: ['object.not_found', 'delivery.not_redeliverable', 'delivery.recipient_key_changed', 'key.expired'],
  own: (tx, { caller, params }) => findDeliveryToSend(tx, asked(caller, params.delivery)),
  async ready({ caps, caller, params }) {
    const kids = await recipientKids(caps, caller.app)
    const pauseEnded = await caps.database.transaction(tx => endPause(tx, caps, asked(caller, params.delivery)))
    if (pauseEnded) caps.worker.wake()
    return { recipientKids: kids, pauseEnded }
  },
  async work(tx, { caps, caller, params }, _delivery, ready) {
    return deliveryObject(await sendAgain(tx, caps, { ...asked(caller, params.delivery), ...ready }))
  },
})

const asked = ({ app, installationId, actor }: Caller, id: string) => ({
  deliveryId: requireId('dlv', id),
  app,
  installationId,
  actor,
})
