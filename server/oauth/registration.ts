import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider'
import { type CheckCaps, checkManifest } from '../../apps-registry/check-manifest.ts'
import { platformOfToken } from '../../apps-registry/create-platform.ts'
import { findApp } from '../../apps-registry/find-app.ts'
import { fieldPath } from '../../apps-registry/shape-faults.ts'
import type { Database } from '../../db/connect.ts'
import { oddMember } from '../base/read-json.ts'
import { currentRequest } from './request-context.ts'
import { scopeOf } from './scopes.ts'

/**
 * Checks a registration or update before oidc-provider does, with network requests where needed, and leaves the result
 * for the adapter. A fault names its field (RFC 7591 §3.2.2).
 */
export function createRegistrationPolicy(caps: CheckCaps & { database: Database }) {
  return async (ctx: KoaContextWithOIDC, properties: Record<string, unknown>): Promise<void> => {
    const request = currentRequest()
    if (!request) throw new Error('registration runs outside a request')
    const odd = oddMember(properties)
    if (odd) throw new errors.InvalidClientMetadata(`${fieldPath(odd.path)} ${odd.rule}`)
    const { registrant } = request // a signed-in member has no token
    const token = registrant ? undefined : ctx.oidc.entities.InitialAccessToken?.jti
    const platformId =
      registrant?.platformId ??
      (token === undefined ? undefined : (await caps.database.read(tx => platformOfToken(tx, token)))?.id)
    if (token !== undefined && !platformId) throw new errors.InvalidToken('registration token not found')
    const app = ctx.oidc.entities.Client?.clientId
    if (platformId !== undefined) await request.meter?.spend('register_platform', platformId)
    else if (app !== undefined) await request.meter?.spend('update_app', app)
    const checked = await checkManifest(caps, properties) // may send requests, so it is counted before
    const [fault] = checked.faults
    if (!checked.manifest || fault) throw new errors.InvalidClientMetadata(`${fault?.field} ${fault?.message}`)
    const { manifest, keys, logo } = checked
    if (properties['token_endpoint_auth_method'] === 'private_key_jwt') {
      delete properties['client_secret'] // from before the update; a client with a key has no secret
      delete properties['client_secret_expires_at']
    }
    const { RegistrationAccessToken: managing } = ctx.oidc.entities
    request.registration = { platformId, token: token ?? managing?.jti, manifest, jwks: keys.fetched, logo }
    Object.assign(properties, {
      ...(keys.inline && { jwks: keys.inline }),
      ...Object.fromEntries(Object.entries(manifest).filter(([, value]) => value !== undefined)),
      scope: scopeOf(manifest.permissions.map(permission => permission.name)),
    })
  }
}

/**
 * The library calls string methods on a client's algorithms before any check, and fails for other types. The checks
 * that follow report a member of another type.
 */
export function askOnlyStringsForSecret(provider: Provider): void {
  const model = provider.Client as unknown as { needsSecret(metadata: object): boolean }
  const needsSecret = model.needsSecret.bind(model)
  model.needsSecret = metadata =>
    needsSecret(Object.fromEntries(Object.entries(metadata).filter(([, value]) => typeof value === 'string')))
}

/**
 * Adds what the client cannot set to the responses of a registration: its status, and the secrets, once. An existing
 * client secret is never returned: a holder of the registration access token must not get it.
 */
export function announceRegistration(provider: Provider, database: Database): void {
  provider.use(async (ctx, next) => {
    await next()
    const route: string | undefined = ctx['oidc']?.route
    const body = ctx.body as
      | { client_id?: string; client_secret?: string; client_secret_expires_at?: number }
      | undefined
    const registration = currentRequest()?.registration
    const created = registration?.created
    if (route === 'registration' && ctx.status === 201 && created)
      ctx.body = { ...body, webhook_secret: created.webhookSecret, status: created.status }
    if ((route !== 'client' && route !== 'client_update') || ctx.status !== 200) return
    const app = await database.read(tx => findApp(tx, body?.client_id ?? ''))
    const { client_secret, client_secret_expires_at, ...known } = body ?? {}
    const made = registration?.secretMade && { client_secret, client_secret_expires_at }
    ctx.body = { ...known, ...made, status: app?.status }
  })
}
