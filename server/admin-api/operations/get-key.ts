import { operation } from '../../http/operation.ts'
import { requireKey } from '../../keys/find-keys.ts'
import { requireId } from '../../platform-api/caller.ts'
import { adminKey } from '../admin-key-access.ts'
import { adminKeyObject } from '../admin-objects.ts'
import { Key } from '../admin-schemas.ts'

export const getKey = operation({
  method: 'get',
  path: '/admin/v1/keys/:key',
  access: adminKey('keys:read'),
  tag: 'Keys',
  id: 'getKey',
  summary: 'Metadata of one key',
  answers: { 200: Key },
  errors: ['object.not_found'],
  async handle({ caps: { database, usage, clock }, params }) {
    await usage.flush()
    const key = await database.read(tx => requireKey(tx, requireId('key', params.key)))
    return adminKeyObject(key, clock.now())
  },
})
