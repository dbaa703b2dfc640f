import { requirePlatform, revokeRegistrationToken as revoke } from '../../../apps-registry/manage-platforms.ts'
import { operation } from '../../http/operation.ts'
import { requireId } from '../../platform-api/caller.ts'
import { adminKey } from '../admin-key-access.ts'
import { Nothing } from '../admin-schemas.ts'

export const revokeRegistrationToken = operation({
  method: 'delete',
  path: '/admin/v1/platforms/:platform/registration-tokens/:token',
  access: adminKey('apps:write'),
  tag: 'Apps',
  id: 'revokeRegistrationToken',
  summary: 'Revoke a registration token at once',
  answers: { 204: Nothing },
  errors: ['object.not_found'],
  async handle({ caps, caller: { actor }, params }) {
    await caps.database.transaction(async tx => {
      const platform = await requirePlatform(tx, requireId('plat', params.platform))
      await revoke(tx, caps, { platform, tokenId: params.token, actor })
    })
    return null
  },
})
