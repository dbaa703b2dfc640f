import { findApps } from '../../../apps-registry/find-app.ts'
import { requireAccount } from '../../accounts/find-people.ts'
import { operation } from '../../http/operation.ts'
import { pageAllInstallations } from '../../installs/list-installations.ts'
import { installationObject } from '../../platform-api/api-objects.ts'
import { Installation, listOf, pageOf } from '../../platform-api/api-schemas.ts'
import { toPage } from '../../platform-api/to-page.ts'
import { adminKey } from '../admin-key-access.ts'
import { ofAccount, ofApp } from '../admin-schemas.ts'
import { appOf } from '../find-object.ts'

export const listInstallations = operation({
  method: 'get',
  path: '/admin/v1/installations',
  access: adminKey('installations:read'),
  tag: 'Installations',
  id: 'listInstallations',
  summary: 'Installations, the newest first; of one app or one account where that is asked for',
  query: pageOf('ins').extend({ app: ofApp, account: ofAccount }),
  answers: { 200: listOf(Installation) },
  errors: ['object.not_found'],
  async handle({ caps: { database }, query: { limit, cursor, app, account } }) {
    return await database.read(async tx => {
      const accountId = account === undefined ? undefined : (await requireAccount(tx, account)).id
      const rows = await pageAllInstallations(tx, { appId: app, accountId, before: cursor, limit: limit + 1 })
      const apps = await findApps(
        tx,
        rows.map(({ appId }) => appId),
      )
      return toPage(rows, limit, row => installationObject(row, appOf(apps, row.appId)))
    })
  },
})
