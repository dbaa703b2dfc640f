import { retireApp as retire } from '../../key-life/change-app.ts'
import { NoMembers } from '../../platform-api/api-schemas.ts'
import { appObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { App } from '../admin-schemas.ts'
import { requireApp } from '../find-object.ts'

export const retireApp = adminPost({
  method: 'post',
  path: '/admin/v1/apps/:app/retire',
  scope: 'apps:write',
  tag: 'Apps',
  id: 'retireApp',
  summary: 'Retire an app for good: it is uninstalled everywhere and all its keys expire',
  body: NoMembers,
  answers: { 200: App },
  errors: ['object.not_found'],
  own: (tx, { params }) => requireApp(tx, params.app),
  async ready({ caps, caller: { actor }, params }) {
    const { id } = await caps.database.read(tx => requireApp(tx, params.app))
    await retire(caps, { appId: id, actor })
  },
  work: async (_tx, _call, app) => appObject(app),
})
