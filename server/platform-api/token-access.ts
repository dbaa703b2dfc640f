import { findApp } from '../../apps-registry/find-app.ts'
import { AppError } from '../base/errors.ts'
import type { Access } from '../http/operation.ts'
import { clientAddress } from '../http/request.ts'
import { authenticateToken } from '../oauth/authenticate-token.ts'
import { tokenChallenges } from '../oauth/token-challenges.ts'
import type { ApiCaps } from './api-caps.ts'
import type { Caller } from './caller.ts'

/** An access token of an app, as Bearer or as DPoP with its proof. Each call counts towards the app's rate limit. */
export const accessToken: Access<ApiCaps, Caller> = {
  scheme: 'accessToken',
  errors: ['access.unauthorized', 'access.invalid_proof', 'request.rate_limited'],
  challenges: tokenChallenges,
  async admit(caps, req, res) {
    res.set('Cache-Control', 'no-store')
    const presented = {
      authorization: req.get('authorization'),
      dpop: req.get('dpop'),
      method: req.method,
      path: req.path,
    }
    const bearer = await authenticateToken(caps, presented)
    await caps.limits.spend(['api', bearer.appId])
    const app = await caps.database.read(tx => findApp(tx, bearer.appId))
    if (!app || app.status === 'retired') throw new AppError('access.unauthorized')
    return { ...bearer, app, actor: { type: 'platform', id: app.platform.id, ip: clientAddress(req) } }
  },
}
