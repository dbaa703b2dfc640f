import { requireAccount } from '../../accounts/find-people.ts'
import { operation } from '../../http/operation.ts'
import { pageAllKeys } from '../../keys/list-keys.ts'
import { listOf, pageOf } from '../../platform-api/api-schemas.ts'
import { toPage } from '../../platform-api/to-page.ts'
import { adminKey } from '../admin-key-access.ts'
import { adminKeyObject } from '../admin-objects.ts'
import { Key, ofAccount, ofApp, ofInstallation } from '../admin-schemas.ts'

export const listKeys = operation({
  method: 'get',
  path: '/admin/v1/keys',
  access: adminKey('keys:read'),
  tag: 'Keys',
  id: 'listKeys',
  summary: 'Keys, metadata only, the newest first',
  query: pageOf('key').extend({ account: ofAccount, app: ofApp, installation: ofInstallation }),
  answers: { 200: listOf(Key) },
  errors: ['object.not_found'],
  async handle({ caps: { database, usage, clock }, query: { limit, cursor, account, app, installation } }) {
    await usage.flush()
    const rows = await database.read(async tx => {
      const accountId = account === undefined ? undefined : (await requireAccount(tx, account)).id
      const page = { accountId, appId: app, installationId: installation, before: cursor, limit: limit + 1 }
      return await pageAllKeys(tx, page)
    })
    return toPage(rows, limit, key => adminKeyObject(key, clock.now()))
  },
})
