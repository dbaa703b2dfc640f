import { z } from 'zod'
import { createPlatform as create } from '../../../apps-registry/create-platform.ts'
import { requireAccount } from '../../accounts/find-people.ts'
import { platformObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { NewPlatform, name, reference } from '../admin-schemas.ts'

export const createPlatform = adminPost({
  method: 'post',
  path: '/admin/v1/platforms',
  scope: 'apps:write',
  tag: 'Apps',
  id: 'createPlatform',
  summary: 'Create the publisher profile of an account, and a token that registers apps for it',
  body: z.strictObject({ account: reference, name }),
  example: { account: 'external:customer-4711', name: 'Shipyard, Inc.' },
  answers: { 201: NewPlatform },
  errors: ['object.not_found'],
  own: (tx, { body }) => requireAccount(tx, body.account),
  async work(tx, { caps, caller: { actor }, body }, account) {
    const command = { accountId: account.id, name: body.name, actor }
    const { platform, registrationToken } = await create(tx, caps, command)
    return { ...platformObject(platform), registration_token: registrationToken }
  },
})
