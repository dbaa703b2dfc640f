import { z } from 'zod'
import { requireUser } from '../../accounts/find-people.ts'
import { changeUser as change } from '../../accounts/manage-users.ts'
import { operation } from '../../http/operation.ts'
import { adminKey } from '../admin-key-access.ts'
import { userObject } from '../admin-objects.ts'
import { email, externalId, name, User } from '../admin-schemas.ts'
import { given } from '../given.ts'

const UserChange = z.strictObject({
  email: email.optional(),
  name: name.nullable().optional(),
  external_id: externalId.nullable().optional(),
  operator: z.boolean('must be true or false').optional(),
})

export const changeUser = operation({
  method: 'patch',
  path: '/admin/v1/users/:user',
  access: adminKey('people:write'),
  tag: 'People',
  id: 'changeUser',
  summary: 'Change a person; `operator` says whether they may use the operator’s pages',
  body: UserChange,
  example: { operator: true },
  answers: { 200: User },
  errors: ['object.not_found', 'account.email_taken', 'people.external_id_taken'],
  async handle({ caps, caller: { actor }, params, body }) {
    return await caps.database.transaction(async tx => {
      const user = await requireUser(tx, params.user)
      return userObject(await change(tx, caps, { user, change: given(body), actor }))
    })
  },
})
