import { addRegistrationToken, requirePlatform } from '../../../apps-registry/manage-platforms.ts'
import { NoMembers } from '../../platform-api/api-schemas.ts'
import { requireId } from '../../platform-api/caller.ts'
import { tokenObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { NewRegistrationToken } from '../admin-schemas.ts'

export const createRegistrationToken = adminPost({
  method: 'post',
  path: '/admin/v1/platforms/:platform/registration-tokens',
  scope: 'apps:write',
  tag: 'Apps',
  id: 'createRegistrationToken',
  summary: 'Create another registration token; those before it go on working',
  body: NoMembers,
  answers: { 201: NewRegistrationToken },
  errors: ['object.not_found'],
  own: (tx, { params }) => requirePlatform(tx, requireId('plat', params.platform)),
  async work(tx, { caps, caller: { actor } }, platform) {
    const { row, token } = await addRegistrationToken(tx, caps, { platform, actor })
    return { ...tokenObject(row), registration_token: token }
  },
})
