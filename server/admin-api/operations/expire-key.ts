import { expireKey as expire } from '../../key-life/expire-key.ts'
import { requireKey } from '../../keys/find-keys.ts'
import { NoMembers } from '../../platform-api/api-schemas.ts'
import { requireId } from '../../platform-api/caller.ts'
import { adminKeyObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { Key } from '../admin-schemas.ts'

export const expireKey = adminPost({
  method: 'post',
  path: '/admin/v1/keys/:key/expire',
  scope: 'keys:write',
  tag: 'Keys',
  id: 'expireKey',
  summary: 'Expire a key at once',
  body: NoMembers,
  answers: { 200: Key },
  errors: ['object.not_found'],
  own: (tx, { params }) => requireKey(tx, requireId('key', params.key)),
  async work(tx, { caps, caller: { actor } }, key) {
    await expire(tx, caps, key, 'by_operator', actor)
    return adminKeyObject(await requireKey(tx, key.id), caps.clock.now())
  },
})
