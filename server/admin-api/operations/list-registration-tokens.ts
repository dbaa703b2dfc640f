import { listRegistrationTokens as list, requirePlatform } from '../../../apps-registry/manage-platforms.ts'
import { operation } from '../../http/operation.ts'
import { listOf } from '../../platform-api/api-schemas.ts'
import { requireId } from '../../platform-api/caller.ts'
import { adminKey } from '../admin-key-access.ts'
import { tokenObject } from '../admin-objects.ts'
import { RegistrationToken } from '../admin-schemas.ts'

export const listRegistrationTokens = operation({
  method: 'get',
  path: '/admin/v1/platforms/:platform/registration-tokens',
  access: adminKey('apps:read'),
  tag: 'Apps',
  id: 'listRegistrationTokens',
  summary: 'The registration tokens of a platform that work, on one page',
  answers: { 200: listOf(RegistrationToken) },
  errors: ['object.not_found'],
  async handle({ caps: { database }, params }) {
    const rows = await database.read(async tx => {
      const { id } = await requirePlatform(tx, requireId('plat', params.platform))
      return await list(tx, id)
    })
    return { data: rows.map(tokenObject), next_cursor: null }
  },
})
