import { pageAccountRecords } from '../../accounts/find-people.ts'
import { operation } from '../../http/operation.ts'
import { listOf, pageOf } from '../../platform-api/api-schemas.ts'
import { toPage } from '../../platform-api/to-page.ts'
import { adminKey } from '../admin-key-access.ts'
import { accountObject } from '../admin-objects.ts'
import { Account } from '../admin-schemas.ts'

export const listAccounts = operation({
  method: 'get',
  path: '/admin/v1/accounts',
  access: adminKey('people:read'),
  tag: 'People',
  id: 'listAccounts',
  summary: 'Accounts, the newest first',
  query: pageOf('acct'),
  answers: { 200: listOf(Account) },
  errors: [],
  async handle({ caps: { database }, query: { limit, cursor } }) {
    const rows = await database.read(tx => pageAccountRecords(tx, { before: cursor, limit: limit + 1 }))
    return toPage(rows, limit, accountObject)
  },
})
