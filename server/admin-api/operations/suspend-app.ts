import { suspendApp as setSuspended } from '../../key-life/change-app.ts'
import { NoMembers } from '../../platform-api/api-schemas.ts'
import { appObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { App } from '../admin-schemas.ts'
import { requireApp } from '../find-object.ts'

export const suspendApp = adminPost({
  method: 'post',
  path: '/admin/v1/apps/:app/suspend',
  scope: 'apps:write',
  tag: 'Apps',
  id: 'suspendApp',
  summary: 'Suspend an app: its keys are refused until it is resumed',
  body: NoMembers,
  answers: { 200: App },
  errors: ['object.not_found', 'app.status'],
  own: (tx, { params }) => requireApp(tx, params.app),
  async work(tx, { caps, caller: { actor } }, { id }) {
    await setSuspended(tx, caps, { id, verb: 'suspend', actor })
    return appObject(await requireApp(tx, id))
  },
})
