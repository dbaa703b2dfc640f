import { z } from 'zod'
import { createUser as create } from '../../accounts/manage-users.ts'
import { userObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { email, externalId, name, User } from '../admin-schemas.ts'

const NewUser = z.strictObject({
  email,
  name: name.nullish(),
  external_id: externalId.nullish(),
  operator: z.boolean('must be true or false').default(false),
})

export const createUser = adminPost({
  method: 'post',
  path: '/admin/v1/users',
  scope: 'people:write',
  tag: 'People',
  id: 'createUser',
  summary: 'Create a person without a password; `PUT …/members/{user}` makes them a member of an account',
  body: NewUser,
  example: { email: 'ada@example.com', name: 'Ada Lovelace', external_id: 'user-17' },
  answers: { 201: User },
  errors: ['account.email_taken', 'people.external_id_taken'],
  own: async () => undefined,
  async work(tx, { caps, caller: { actor }, body }) {
    const user = {
      email: body.email,
      name: body.name ?? null,
      external_id: body.external_id ?? null,
      operator: body.operator,
    }
    return userObject(await create(tx, caps, { user, actor }))
  },
})
