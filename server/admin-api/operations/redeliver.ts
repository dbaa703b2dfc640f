import { recipientKids } from '../../../apps-registry/current-recipient.ts'
import type { App } from '../../../apps-registry/find-app.ts'
import type { Tx } from '../../../db/connect.ts'
import { readDelivery } from '../../deliveries/list-deliveries.ts'
import { endPause, redeliver as sendAgain } from '../../deliveries/redeliver.ts'
import { NoMembers } from '../../platform-api/api-schemas.ts'
import { requireId } from '../../platform-api/caller.ts'
import { adminDeliveryObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { Delivery } from '../admin-schemas.ts'
import { requireApp } from '../find-object.ts'

export const redeliver = adminPost({
  method: 'post',
  path: '/admin/v1/deliveries/:delivery/redeliver',
  scope: 'apps:write',
  tag: 'Deliveries',
  id: 'redeliver',
  summary: 'Send the same event with the same ciphertext again; a pause of the app after a 410 ends',
  body: NoMembers,
  answers: { 200: Delivery },
  errors: ['object.not_found', 'delivery.not_redeliverable', 'delivery.recipient_key_changed', 'key.expired'],
  own: (tx, { params }) => appOfDelivery(tx, params.delivery),
  async ready({ caps, caller: { actor }, params }) {
    const app = await caps.database.read(tx => appOfDelivery(tx, params.delivery))
    const kids = await recipientKids(caps, app)
    const asked = { deliveryId: params.delivery, app, actor }
    const pauseEnded = await caps.database.transaction(tx => endPause(tx, caps, asked))
    if (pauseEnded) caps.worker.wake()
    return { recipientKids: kids, pauseEnded }
  },
  async work(tx, { caps, caller: { actor }, params }, app, ready) {
    return adminDeliveryObject(await sendAgain(tx, caps, { deliveryId: params.delivery, app, actor, ...ready }))
  },
})

async function appOfDelivery(tx: Tx, id: string): Promise<App> {
  const { app_id: appId } = await readDelivery(tx, requireId('dlv', id))
  return await requireApp(tx, appId)
}
