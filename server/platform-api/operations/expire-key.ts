import { expireKey as expire } from '../../key-life/expire-key.ts'
import { keyObject } from '../api-objects.ts'
import { Key, NoMembers } from '../api-schemas.ts'
import { findOwnKey } from '../caller.ts'
import { idempotentOperation } from '../idempotent-operation.ts'

export const expireKey = idempotentOperation({
  method: 'post',
  path: '/v1/keys/:key/expire',
  tag: 'Keys',
  id: 'expireKey',
  summary: 'Expire a key at once',
  body: NoMembers,
  answers: { 200: Key },
  errors: ['object.not_found'],
  own: (tx, { caller, params }) => findOwnKey(tx, caller, params.key),
  async work(tx, { caps, caller }, key) {
    await expire(tx, caps, key, 'by_platform', caller.actor)
    return keyObject(await findOwnKey(tx, caller, key.id), caps.clock.now())
  },
})
