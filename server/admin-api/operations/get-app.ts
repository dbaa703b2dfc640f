import { operation } from '../../http/operation.ts'
import { adminKey } from '../admin-key-access.ts'
import { appObject } from '../admin-objects.ts'
import { App } from '../admin-schemas.ts'
import { requireApp } from '../find-object.ts'

export const getApp = operation({
  method: 'get',
  path: '/admin/v1/apps/:app',
  access: adminKey('apps:read'),
  tag: 'Apps',
  id: 'getApp',
  summary: 'One app',
  answers: { 200: App },
  errors: ['object.not_found'],
  async handle({ caps: { database }, params }) {
    return appObject(await database.read(tx => requireApp(tx, params.app)))
  },
})
