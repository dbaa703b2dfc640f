import { AppError } from '../base/errors.ts'
import type { Access } from '../http/operation.ts'
import { clientAddress } from '../http/request.ts'
import type { Key } from '../keys/find-keys.ts'
import { findPresentedKey } from '../keys/verify-key.ts'
import type { ApiCaps } from './api-caps.ts'

/** Any valid managed or restricted key, as Bearer. */
export const anyKey: Access<ApiCaps, Key> = {
  scheme: 'key',
  errors: ['access.unauthorized'],
  async admit({ database, clock }, req, res) {
    const [, presented = ''] = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '') ?? []
    const key = await database.read(tx => findPresentedKey(tx, presented, clientAddress(req), clock.now()))
    if (!key) throw new AppError('access.unauthorized', { detail: 'Send a working key as Authorization: Bearer.' })
    res.set('Cache-Control', 'no-store')
    return key
  },
}
