import { pagePlatforms } from '../../../apps-registry/manage-platforms.ts'
import { operation } from '../../http/operation.ts'
import { listOf, pageOf } from '../../platform-api/api-schemas.ts'
import { toPage } from '../../platform-api/to-page.ts'
import { adminKey } from '../admin-key-access.ts'
import { platformObject } from '../admin-objects.ts'
import { Platform } from '../admin-schemas.ts'

export const listPlatforms = operation({
  method: 'get',
  path: '/admin/v1/platforms',
  access: adminKey('apps:read'),
  tag: 'Apps',
  id: 'listPlatforms',
  summary: 'Platforms, the newest first',
  query: pageOf('plat'),
  answers: { 200: listOf(Platform) },
  errors: [],
  async handle({ caps: { database }, query: { limit, cursor } }) {
    const rows = await database.read(tx => pagePlatforms(tx, { before: cursor, limit: limit + 1 }))
    return toPage(rows, limit, platformObject)
  },
})
