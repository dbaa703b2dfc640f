import { requireUser } from '../../accounts/find-people.ts'
import { operation } from '../../http/operation.ts'
import { adminKey } from '../admin-key-access.ts'
import { userObject } from '../admin-objects.ts'
import { User } from '../admin-schemas.ts'

export const getUser = operation({
  method: 'get',
  path: '/admin/v1/users/:user',
  access: adminKey('people:read'),
  tag: 'People',
  id: 'getUser',
  summary: 'One person, by their id or as external:ID',
  answers: { 200: User },
  errors: ['object.not_found'],
  async handle({ caps: { database }, params }) {
    return userObject(await database.read(tx => requireUser(tx, params.user)))
  },
})
