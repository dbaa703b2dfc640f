import type { JWK } from 'jose'
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider'
import { openClientSecret } from '../../apps-registry/app-secrets.ts'
import { platformOfToken } from '../../apps-registry/create-platform.ts'
import { type App, findApp, isKnownTo } from '../../apps-registry/find-app.ts'
import { readJwks } from '../../apps-registry/read-jwks.ts'
import { type RegisterApp, registerApp } from '../../apps-registry/register-app.ts'
import { countsAsRegistrationToken } from '../../apps-registry/registration-token.ts'
import { type UpdateApp, updateApp } from '../../apps-registry/update-app.ts'
import type { Database, Tx } from '../../db/connect.ts'
import type { Act, Note } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { isId } from '../base/ids.ts'
import { hashSecret } from '../base/secret-format.ts'
import { narrowGrants } from './narrow-grants.ts'
import { currentRequest, type OAuthRequest } from './request-context.ts'
import { scopeOf } from './scopes.ts'

/** The policy that every registration and its updates pass through. */
export const REGISTRATION_POLICY = 'latchkey'

/** The effects of a registration in rooms that this one may not call. */
export type ClientHooks = {
  /**
   * A new version removes permissions: active installations lose them at once. Returns the log entries, and whether the
   * rows of installations and grants follow after the commit.
   */
  permissionsRemoved(tx: Tx, app: App, removed: string[]): Promise<{ notes: Note[]; later: boolean }>
  /** Logs a change in the accounts with keys of an app. Returns those that the caller must log in this transaction. */
  logForKeyAccounts(tx: Tx, appId: string, acts: readonly Act[]): Promise<string[]>
  /** The platform deleted its registration. */
  retire(appId: string, ip: string): Promise<void>
}

type ClientCaps = Caps & { database: Database; review: 'required' | 'off' }

/** Presents an app of the registry to oidc-provider as an OAuth client. */
export function createClientAdapter(caps: ClientCaps, hooks: ClientHooks): Adapter {
  const { database, keyring } = caps
  const never = async () => undefined
  return {
    async upsert(id, payload) {
      const request = currentRequest()
      const registration = request?.registration
      if (!registration) throw new Error('an app is only stored after its registration was checked')
      const { client_secret: clientSecret, ...client } = payload
      const { platformId, manifest, jwks, logo } = registration
      const command = { id, client, clientSecret, manifest, jwks, logo, ip: request.ip }
      if (platformId) await makeApp(caps, request, { ...command, platformId, actor: request.registrant?.actor })
      else await changeApp(caps, hooks, registration, command)
    },
    async find(id) {
      if (!isId('app', id)) return undefined
      currentRequest()?.meter?.requireLeft(id)
      const app = await database.look(tx => findApp(tx, id))
      const { viewer } = currentRequest() ?? {}
      if (app && viewer && !isKnownTo(app, viewer.accountIds)) return undefined
      return app && app.status !== 'retired' ? clientOf(app, openClientSecret(keyring, app)) : undefined
    },
    destroy: id => hooks.retire(id, currentRequest()?.ip ?? ''),
    findByUid: never,
    findByUserCode: never,
    consume: never,
    revokeByGrantId: never,
  }
}

/** Stores a new app. Its webhook secret is left in the request, for the response. */
async function makeApp(caps: ClientCaps, request: OAuthRequest, command: RegisterApp): Promise<void> {
  const { registration } = request
  const token = registration?.token
  const stored = caps.database.transaction(async tx => {
    if (token !== undefined && (await platformOfToken(tx, token))?.id !== command.platformId) throw tokenEnded()
    return await registerApp(tx, caps, command)
  })
  const created = await stored.catch(error => {
    if (error instanceof AppError) request.refusal = error // oidc-provider would make a fault of ours of it
    throw error
  })
  if (registration) registration.created = created
}

type Registration = NonNullable<OAuthRequest['registration']>

/** Stores a new version of an app. Whether it has a new client secret is left in the request. */
async function changeApp(
  caps: ClientCaps,
  hooks: ClientHooks,
  registration: Registration,
  command: UpdateApp,
): Promise<void> {
  await caps.database.transaction(async tx => {
    let grantsFollow = false
    const { app, removed, secretMade } = await updateApp(tx, caps, command, {
      permissionsRemoved: async (changed, gone) => {
        const { notes, later } = await hooks.permissionsRemoved(tx, changed, gone)
        grantsFollow = later
        return notes
      },
      logForKeyAccounts: (appId, acts) => hooks.logForKeyAccounts(tx, appId, acts),
    }).catch(error => {
      throw error instanceof AppError && error.code === 'object.not_found' ? tokenEnded() : error
    })
    // It may have ended while the request looked into the network, as slowly as its sender likes.
    if (!(await countsAsRegistrationToken(tx, app.id, hashSecret(registration.token ?? '')))) throw tokenEnded()
    registration.secretMade = secretMade
    if (removed.length > 0 && !grantsFollow) await narrowGrants(tx, caps, app.id, removed)
  })
}

/** RFC 7592 §2.2 and §2.3: also if the client does not exist any more. */
function tokenEnded(): errors.InvalidToken {
  return new errors.InvalidToken('the token was revoked')
}

function clientOf(app: App, clientSecret: string | undefined): AdapterPayload {
  const scope = scopeOf(app.manifest.permissions.map(permission => permission.name))
  return {
    ...app.client,
    ...(app.client['jwks'] !== undefined && { jwks: soundKeys(app.client['jwks']) }),
    client_id: app.id,
    scope,
    ...(clientSecret !== undefined && { client_secret: clientSecret }),
  }
}

/** The registered keys that are valid today; an earlier release may have accepted more. */
function soundKeys(jwks: unknown): { keys: JWK[] } {
  const read = readJwks(jwks, 'jwks')
  return { keys: read.fault ? [] : read.keys }
}
