import { requireAccount, requireUser } from '../../accounts/find-people.ts'
import { removeMember as remove } from '../../accounts/manage-members.ts'
import { operation } from '../../http/operation.ts'
import { adminKey } from '../admin-key-access.ts'
import { Nothing } from '../admin-schemas.ts'

export const removeMember = operation({
  method: 'delete',
  path: '/admin/v1/accounts/:account/members/:user',
  access: adminKey('people:write'),
  tag: 'People',
  id: 'removeMember',
  summary: 'End a membership, and the person’s sessions in that account',
  answers: { 204: Nothing },
  errors: ['object.not_found', 'account.last_owner'],
  async handle({ caps, caller: { actor }, params }) {
    await caps.database.transaction(async tx => {
      const [account, user] = [await requireAccount(tx, params.account), await requireUser(tx, params.user)]
      await remove(tx, caps, { account, user, actor })
    })
    return null
  },
})
