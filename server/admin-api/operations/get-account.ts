import { requireAccount } from '../../accounts/find-people.ts'
import { operation } from '../../http/operation.ts'
import { adminKey } from '../admin-key-access.ts'
import { accountObject } from '../admin-objects.ts'
import { Account } from '../admin-schemas.ts'

export const getAccount = operation({
  method: 'get',
  path: '/admin/v1/accounts/:account',
  access: adminKey('people:read'),
  tag: 'People',
  id: 'getAccount',
  summary: 'One account, by its id or as external:ID',
  answers: { 200: Account },
  errors: ['object.not_found'],
  async handle({ caps: { database }, params }) {
    return accountObject(await database.read(tx => requireAccount(tx, params.account)))
  },
})
