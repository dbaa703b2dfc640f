import { z } from 'zod'
import { listAllDeliveries } from '../../deliveries/list-deliveries.ts'
import { operation } from '../../http/operation.ts'
import { listOf, pageOf } from '../../platform-api/api-schemas.ts'
import { toPage } from '../../platform-api/to-page.ts'
import { adminKey } from '../admin-key-access.ts'
import { adminDeliveryObject } from '../admin-objects.ts'
import { Delivery, ofApp } from '../admin-schemas.ts'

export const listDeliveries = operation({
  method: 'get',
  path: '/admin/v1/deliveries',
  access: adminKey('apps:read'),
  tag: 'Deliveries',
  id: 'listDeliveries',
  summary: 'Deliveries with their attempts, the newest first',
  query: pageOf('dlv').extend({
    app: ofApp,
    status: z.enum(['pending', 'delivered', 'failed', 'cancelled']).optional(),
  }),
  answers: { 200: listOf(Delivery) },
  errors: [],
  async handle({ caps: { database }, query: { limit, cursor, app, status } }) {
    const page = { appId: app, status, before: cursor, limit: limit + 1 }
    return toPage(await database.read(tx => listAllDeliveries(tx, page)), limit, adminDeliveryObject)
  },
})
