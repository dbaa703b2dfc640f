import { listAppDeliveries } from '../../deliveries/list-deliveries.ts'
import { operation } from '../../http/operation.ts'
import { deliveryObject } from '../api-objects.ts'
import { Delivery, listOf, pageOf } from '../api-schemas.ts'
import { toPage } from '../to-page.ts'
import { accessToken } from '../token-access.ts'

export const listDeliveries = operation({
  method: 'get',
  path: '/v1/deliveries',
  access: accessToken,
  tag: 'Deliveries',
  id: 'listDeliveries',
  summary: 'Deliveries with their attempts',
  query: pageOf('dlv'),
  answers: { 200: listOf(Delivery) },
  errors: [],
  async handle({ caps: { database }, caller: { app, installationId }, query: { limit, cursor } }) {
    const page = { appId: app.id, installationId, before: cursor, limit: limit + 1 }
    return toPage(await database.read(tx => listAppDeliveries(tx, page)), limit, deliveryObject)
  },
})
