import { operation } from '../../http/operation.ts'
import { keyObject } from '../api-objects.ts'
import { Key } from '../api-schemas.ts'
import { anyKey } from '../key-access.ts'

export const getOwnKey = operation({
  method: 'get',
  path: '/v1/keys/self',
  access: anyKey,
  tag: 'Keys',
  id: 'getOwnKey',
  summary: 'Metadata of the key in the request',
  answers: { 200: Key },
  errors: [],
  handle: async ({ caps: { clock }, caller: key }) => keyObject(key, clock.now()),
})
