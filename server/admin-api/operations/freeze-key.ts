import { z } from 'zod'
import { DAY } from '../../base/clock.ts'
import { freezeKey as freeze } from '../../key-life/freeze-key.ts'
import { requireKey } from '../../keys/find-keys.ts'
import { requireId } from '../../platform-api/caller.ts'
import { adminKeyObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { Key } from '../admin-schemas.ts'

export const freezeKey = adminPost({
  method: 'post',
  path: '/admin/v1/keys/:key/freeze',
  scope: 'keys:write',
  tag: 'Keys',
  id: 'freezeKey',
  summary: 'Freeze a key: it is refused until somebody unfreezes it',
  body: z.strictObject({
    days: z
      .int('must be a whole number')
      .min(1, 'must be 1 or more')
      .max(30, 'must be 30 or less')
      .default(30)
      .meta({ description: 'After so many days a frozen key expires' }),
  }),
  answers: { 200: Key },
  errors: ['object.not_found', 'key.expired'],
  own: (tx, { params }) => requireKey(tx, requireId('key', params.key)),
  async work(tx, { caps, caller: { actor }, body }, key) {
    await freeze(tx, caps, { keyId: key.id, actor, freezeMs: body.days * DAY })
    return adminKeyObject(await requireKey(tx, key.id), caps.clock.now())
  },
})
