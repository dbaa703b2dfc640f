import { readEventFeed } from '../../deliveries/event-feed.ts'
import { operation } from '../../http/operation.ts'
import { eventObject } from '../api-objects.ts'
import { Event, eventsPage, listOf } from '../api-schemas.ts'
import { toPage } from '../to-page.ts'
import { accessToken } from '../token-access.ts'

export const listEvents = operation({
  method: 'get',
  path: '/v1/events',
  access: accessToken,
  tag: 'Deliveries',
  id: 'listEvents',
  summary:
    'The same events in order, to reconcile: whoever follows the last id with `after` sees each event, whoever commits when',
  query: eventsPage,
  answers: { 200: listOf(Event) },
  errors: [],
  async handle({ caps: { database }, caller: { app, installationId, permissions }, query: { limit, after, cursor } }) {
    const rows = await readEventFeed(database, {
      appId: app.id,
      installationId,
      after: after ?? cursor,
      limit: limit + 1,
    })
    return toPage(rows, limit, row => eventObject(row, permissions))
  },
})
