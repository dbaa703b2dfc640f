import { operation } from '../../http/operation.ts'
import { listInstallationsOfApp } from '../../installs/list-installations.ts'
import { installationObject } from '../api-objects.ts'
import { Installation, listOf, pageOf } from '../api-schemas.ts'
import { toPage } from '../to-page.ts'
import { accessToken } from '../token-access.ts'

export const listInstallations = operation({
  method: 'get',
  path: '/v1/installations',
  access: accessToken,
  tag: 'Installations',
  id: 'listInstallations',
  summary: 'Installations of the app; with an install token only its own',
  query: pageOf('ins'),
  answers: { 200: listOf(Installation) },
  errors: [],
  async handle({ caps: { database }, caller: { app, installationId }, query: { limit, cursor } }) {
    const page = { appId: app.id, installationId, before: cursor, limit: limit + 1 }
    const rows = await database.read(tx => listInstallationsOfApp(tx, page))
    return toPage(rows, limit, row => installationObject(row, app))
  },
})
