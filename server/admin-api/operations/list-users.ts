import { pageUserRecords } from '../../accounts/find-people.ts'
import { operation } from '../../http/operation.ts'
import { listOf, pageOf } from '../../platform-api/api-schemas.ts'
import { toPage } from '../../platform-api/to-page.ts'
import { adminKey } from '../admin-key-access.ts'
import { userObject } from '../admin-objects.ts'
import { User } from '../admin-schemas.ts'

export const listUsers = operation({
  method: 'get',
  path: '/admin/v1/users',
  access: adminKey('people:read'),
  tag: 'People',
  id: 'listUsers',
  summary: 'People, the newest first',
  query: pageOf('usr'),
  answers: { 200: listOf(User) },
  errors: [],
  async handle({ caps: { database }, query: { limit, cursor } }) {
    const rows = await database.read(tx => pageUserRecords(tx, { before: cursor, limit: limit + 1 }))
    return toPage(rows, limit, userObject)
  },
})
