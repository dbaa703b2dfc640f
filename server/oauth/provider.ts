import type { Provider } from 'oidc-provider'
import { redactSecrets } from '../base/secret-format.ts'
import { answerElsewhere } from './answer-elsewhere.ts'
import { answerRevocation } from './answer-revocation.ts'
import { answerUnavailable } from './answer-unavailable.ts'
import { AuthorizationServer } from './authorization-server.ts'
import { keepClientKeys } from './client-keys.ts'
import { correctErrors } from './correct-errors.ts'
import { correctMetadata } from './correct-metadata.ts'
import { countApps } from './count-apps.ts'
import { introspectByGrant } from './narrow-grants.ts'
import { ignoreOutsideOpenId } from './outside-openid.ts'
import { configurationOf, type ProviderCaps } from './provider-configuration.ts'
import { announceRegistration, askOnlyStringsForSecret } from './registration.ts'
import { decideReplaysByStoring } from './replay-detection.ts'

/** The authorization server of docs/wire.md#oauth-and-openid-connect. */
export function createProvider(caps: ProviderCaps): Provider {
  const permissions = caps.catalog.map(permission => permission.name)
  const provider = new AuthorizationServer(caps.publicUrl, configurationOf(caps), permissions)
  provider.proxy = true // the routes before it set Host and X-Forwarded-Proto from PUBLIC_URL
  answerUnavailable(provider)
  askOnlyStringsForSecret(provider)
  announceRegistration(provider, caps.database)
  keepClientKeys(provider, caps)
  provider.on('server_error', (ctx, error) =>
    caps.log.error({ err: error, path: redactSecrets(ctx.path) }, 'the authorization server failed'),
  )
  answerElsewhere(provider, caps.outwardPages)
  introspectByGrant(provider)
  answerRevocation(provider)
  correctMetadata(provider)
  correctErrors(provider)
  countApps(provider)
  decideReplaysByStoring(provider, caps.clock)
  ignoreOutsideOpenId(provider)
  return provider
}
