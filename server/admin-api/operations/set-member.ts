import { z } from 'zod'
import { requireAccount, requireUser } from '../../accounts/find-people.ts'
import { setMember as set } from '../../accounts/manage-members.ts'
import { operation } from '../../http/operation.ts'
import { adminKey } from '../admin-key-access.ts'
import { memberObject } from '../admin-objects.ts'
import { Member, role } from '../admin-schemas.ts'

export const setMember = operation({
  method: 'put',
  path: '/admin/v1/accounts/:account/members/:user',
  access: adminKey('people:write'),
  tag: 'People',
  id: 'setMember',
  summary: 'Make a person a member of an account, or give a member another role',
  body: z.strictObject({ role }),
  example: { role: 'admin' },
  answers: { 200: Member },
  errors: ['object.not_found', 'account.last_owner'],
  async handle({ caps, caller: { actor }, params, body }) {
    return await caps.database.transaction(async tx => {
      const [account, user] = [await requireAccount(tx, params.account), await requireUser(tx, params.user)]
      return memberObject(await set(tx, caps, { account, user, role: body.role, actor }))
    })
  },
})
