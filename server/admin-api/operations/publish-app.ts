import { moveApp as move } from '../../../apps-registry/move-app.ts'
import { NoMembers } from '../../platform-api/api-schemas.ts'
import { appObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { App } from '../admin-schemas.ts'
import { requireApp } from '../find-object.ts'

export const publishApp = adminPost({
  method: 'post',
  path: '/admin/v1/apps/:app/publish',
  scope: 'apps:write',
  tag: 'Apps',
  id: 'publishApp',
  summary: 'Approve the latest version; every account may install it',
  body: NoMembers,
  answers: { 200: App },
  errors: ['object.not_found', 'app.status'],
  own: (tx, { params }) => requireApp(tx, params.app),
  async work(tx, { caps, caller: { actor } }, { id }) {
    await move(tx, caps, { id, verb: 'publish', actor })
    return appObject(await requireApp(tx, id))
  },
})
