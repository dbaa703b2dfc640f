import { z } from 'zod'
import { createAccount as create } from '../../accounts/manage-accounts.ts'
import { accountObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { Account, externalId, name } from '../admin-schemas.ts'

export const createAccount = adminPost({
  method: 'post',
  path: '/admin/v1/accounts',
  scope: 'people:write',
  tag: 'People',
  id: 'createAccount',
  summary: 'Create an account without members',
  body: z.strictObject({ name, external_id: externalId.nullish() }),
  example: { name: 'Harbor Books', external_id: 'customer-4711' },
  answers: { 201: Account },
  errors: ['people.external_id_taken'],
  own: async () => undefined,
  async work(tx, { caps, caller: { actor }, body }) {
    return accountObject(await create(tx, caps, { name: body.name, externalId: body.external_id ?? null, actor }))
  },
})
