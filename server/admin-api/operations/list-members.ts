import { z } from 'zod'
import { pageMemberRecords, requireAccount } from '../../accounts/find-people.ts'
import { operation } from '../../http/operation.ts'
import { limited, listOf } from '../../platform-api/api-schemas.ts'
import { toPage } from '../../platform-api/to-page.ts'
import { adminKey } from '../admin-key-access.ts'
import { memberObject } from '../admin-objects.ts'
import { Member } from '../admin-schemas.ts'

const MemberPage = limited.extend({
  cursor: z
    .string()
    .regex(/^\d{1,16}\.usr_[0-9a-z]{26}$/, 'must be the `next_cursor` of another page')
    .optional()
    .meta({ description: '`next_cursor` of the previous page' }),
})

export const listMembers = operation({
  method: 'get',
  path: '/admin/v1/accounts/:account/members',
  access: adminKey('people:read'),
  tag: 'People',
  id: 'listMembers',
  summary: 'Members of an account, the newest first',
  query: MemberPage,
  answers: { 200: listOf(Member) },
  errors: ['object.not_found'],
  async handle({ caps: { database }, params, query: { limit, cursor } }) {
    const [at, userId] = cursor?.split('.') ?? []
    const after = userId === undefined ? undefined : { at: Number(at), userId }
    const rows = await database.read(async tx => {
      const { id } = await requireAccount(tx, params.account)
      return await pageMemberRecords(tx, id, { after, limit: limit + 1 })
    })
    const items = rows.map(row => ({ ...row, id: `${row.created_at}.${row.user_id}` }))
    return toPage(items, limit, memberObject)
  },
})
