import { operation } from '../../http/operation.ts'
import { pageInstallationKeys } from '../../keys/list-keys.ts'
import { keyObject } from '../api-objects.ts'
import { Key, listOf, pageOf } from '../api-schemas.ts'
import { findOwnInstallation } from '../caller.ts'
import { toPage } from '../to-page.ts'
import { accessToken } from '../token-access.ts'

export const listKeys = operation({
  method: 'get',
  path: '/v1/installations/:installation/keys',
  access: accessToken,
  tag: 'Keys',
  id: 'listKeys',
  summary: 'Managed keys, metadata only',
  query: pageOf('key'),
  answers: { 200: listOf(Key) },
  errors: ['object.not_found'],
  async handle({ caps: { database, usage, clock }, caller, params, query: { limit, cursor } }) {
    await usage.flush()
    const keys = await database.read(async tx => {
      const { id: installationId } = await findOwnInstallation(tx, caller, params.installation)
      return await pageInstallationKeys(tx, { installationId, before: cursor, limit: limit + 1 })
    })
    return toPage(keys, limit, key => keyObject(key, clock.now()))
  },
})
