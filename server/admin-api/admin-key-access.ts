import { findPresentedAdminKey } from '../admin-keys/admin-keys.ts'
import { includesScope, type Scope } from '../admin-keys/scopes.ts'
import { AppError } from '../base/errors.ts'
import type { Access } from '../http/operation.ts'
import { clientAddress } from '../http/request.ts'
import type { AdminCaller, AdminCaps } from './admin-caps.ts'

const REFUSED = 'Send an admin key that works, from an address that it allows, as Authorization: Bearer.'

/** An admin key with a scope, as Bearer (RFC 6750 §3.1). Each call spends one of the key's. */
export const adminKey = (scope: Scope): Access<AdminCaps, AdminCaller> => ({
  scheme: 'adminKey',
  scopes: [scope],
  errors: ['access.unauthorized', 'access.scope', 'request.rate_limited'],
  async admit({ database, clock, limits }, req, res) {
    res.set('Cache-Control', 'no-store')
    const [, presented = ''] = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '') ?? []
    const ip = clientAddress(req)
    const key = await database.read(tx => findPresentedAdminKey(tx, presented, ip, clock.now()))
    if (!key) throw new AppError('access.unauthorized', { detail: REFUSED })
    await limits.spend(['admin', key.id])
    if (!includesScope(key.scopes, scope)) {
      res.set('WWW-Authenticate', `Bearer realm="latchkey", error="insufficient_scope", scope="${scope}"`)
      throw new AppError('access.scope', { detail: `This call needs the scope ${scope}.` })
    }
    return { keyId: key.id, actor: { type: 'admin_key', id: key.id, ip } }
  },
})
