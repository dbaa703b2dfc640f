import { pageAllApps } from '../../../apps-registry/find-app.ts'
import { operation } from '../../http/operation.ts'
import { listOf, pageOf } from '../../platform-api/api-schemas.ts'
import { toPage } from '../../platform-api/to-page.ts'
import { adminKey } from '../admin-key-access.ts'
import { appObject } from '../admin-objects.ts'
import { App } from '../admin-schemas.ts'

export const listApps = operation({
  method: 'get',
  path: '/admin/v1/apps',
  access: adminKey('apps:read'),
  tag: 'Apps',
  id: 'listApps',
  summary: 'Apps, the newest first',
  query: pageOf('app'),
  answers: { 200: listOf(App) },
  errors: [],
  async handle({ caps: { database }, query: { limit, cursor } }) {
    const rows = await database.read(tx => pageAllApps(tx, { before: cursor, limit: limit + 1 }))
    return toPage(rows, limit, appObject)
  },
})
