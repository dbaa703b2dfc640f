import { z } from 'zod'
import { unfreezeKey as unfreeze } from '../../key-life/freeze-key.ts'
import { requireKey } from '../../keys/find-keys.ts'
import { requireId } from '../../platform-api/caller.ts'
import { adminKeyObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { Key } from '../admin-schemas.ts'

export const unfreezeKey = adminPost({
  method: 'post',
  path: '/admin/v1/keys/:key/unfreeze',
  scope: 'keys:write',
  tag: 'Keys',
  id: 'unfreezeKey',
  summary: 'Unfreeze a key',
  body: z.strictObject({
    knows_of_leak: z
      .boolean('must be true or false')
      .default(false)
      .meta({ description: 'Compulsory for a key that was reported as leaked' }),
  }),
  answers: { 200: Key },
  errors: ['object.not_found', 'key.expired', 'key.leaked'],
  own: (tx, { params }) => requireKey(tx, requireId('key', params.key)),
  async work(tx, { caps, caller: { actor }, body }, key) {
    await unfreeze(tx, caps, { keyId: key.id, actor, knowsOfLeak: body.knows_of_leak })
    return adminKeyObject(await requireKey(tx, key.id), caps.clock.now())
  },
})
