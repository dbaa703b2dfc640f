import { z } from 'zod'
import { requireAccount } from '../../accounts/find-people.ts'
import { changeAccount as change } from '../../accounts/manage-accounts.ts'
import { operation } from '../../http/operation.ts'
import { adminKey } from '../admin-key-access.ts'
import { accountObject } from '../admin-objects.ts'
import { Account, externalId, name } from '../admin-schemas.ts'
import { given } from '../given.ts'

export const changeAccount = operation({
  method: 'patch',
  path: '/admin/v1/accounts/:account',
  access: adminKey('people:write'),
  tag: 'People',
  id: 'changeAccount',
  summary: 'Rename an account, or give it another external id',
  body: z.strictObject({ name: name.optional(), external_id: externalId.nullable().optional() }),
  example: { name: 'Harbor Books Ltd.' },
  answers: { 200: Account },
  errors: ['object.not_found', 'people.external_id_taken'],
  async handle({ caps, caller: { actor }, params, body }) {
    return await caps.database.transaction(async tx => {
      const account = await requireAccount(tx, params.account)
      return accountObject(await change(tx, caps, { account, change: given(body), actor }))
    })
  },
})
