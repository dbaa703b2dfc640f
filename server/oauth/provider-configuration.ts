import { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { CheckCaps } from '../../apps-registry/check-manifest.ts'
import { MANIFEST_MEMBERS } from '../../apps-registry/manifest.ts'
import { newClientSecret } from '../../apps-registry/replace-client-secret.ts'
import { DatabaseAway } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { type AdapterCaps, createAdapterFactory } from './adapter.ts'
import type { LeadElsewhere } from './answer-elsewhere.ts'
import { type ClientHooks, REGISTRATION_POLICY } from './client-adapter.ts'
import { ASSERTION_ALGS, type AssertionClaims, CLOCK_TOLERANCE, checkClientAssertion } from './client-assertion.ts'
import { PROOF_ALGS } from './dpop-proof.ts'
import { installationFeatures } from './installation-features.ts'
import { checkInstallationRequest } from './installation-request.ts'
import { noteOmittedRedirectUri, OMITTED } from './omitted-redirect-uri.ts'
import { followOurSession, type PromptCaps, promptPolicy, promptValues } from './prompts.ts'
import { createRegistrationPolicy } from './registration.ts'
import { currentRequest } from './request-context.ts'
import { requireShortRequest } from './request-size.ts'
import { SIGNING_ALG, type SigningKeys } from './signing-keys.ts'

export type ProviderCaps = AdapterCaps &
  PromptCaps &
  CheckCaps & {
    publicUrl: string
    log: Log
    signing: SigningKeys
    hooks: ClientHooks
    outwardPages: LeadElsewhere
    /** The error page as HTML, for errors that must not be sent to a redirect address. */
    renderErrorPage(
      res: KoaContextWithOIDC['res'],
      error: { error: string; error_description?: string | undefined },
      /** A path to return to after sign-in, if the request may be valid for a signed-in person. */
      signInFor: string | undefined,
    ): string
  }

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY

const CLIENT_AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const

/** Seconds. A grant outlives its refresh tokens; each use of a refresh token makes a new one (RFC 9700 §2.2.2). */
const TTL = {
  AccessToken: HOUR,
  AuthorizationCode: MINUTE,
  ClientCredentials: HOUR,
  Grant: 20 * YEAR,
  IdToken: HOUR,
  /** Anonymous callers have less time than signed-in people. */
  Interaction: (_ctx: unknown, { session }: { session?: { accountId?: string } | undefined }) =>
    session?.accountId === undefined ? HOUR / 2 : HOUR,
  RefreshToken: YEAR,
  Session: DAY,
}

const CLIENT_DEFAULTS: Configuration['clientDefaults'] = {
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  id_token_signed_response_alg: SIGNING_ALG,
  authorization_details_types: ['installation'],
}

const ALGORITHMS: Configuration['enabledJWA'] = {
  clientAuthSigningAlgValues: ASSERTION_ALGS,
  idTokenSigningAlgValues: [SIGNING_ALG],
  dPoPSigningAlgValues: PROOF_ALGS,
}

const ROUTES: Configuration['routes'] = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  pushed_authorization_request: '/oauth/par',
  registration: '/oauth/register',
  revocation: '/oauth/revoke',
  introspection: '/oauth/introspect',
  jwks: '/oauth/jwks',
  userinfo: '/oauth/userinfo',
}

/** The configuration of oidc-provider. */
export function configurationOf(caps: ProviderCaps): Configuration {
  const { catalog, keyring, signing } = caps
  return {
    adapter: createAdapterFactory(caps, caps.hooks),
    jwks: signing.jwks,
    scopes: ['openid', 'offline_access', ...catalog.map(permission => permission.name)],
    claims: { openid: ['sub'] },
    responseTypes: ['code'],
    pkce: { required: () => true },
    clientAuthMethods: [...CLIENT_AUTH_METHODS],
    discovery: discoveryOf(caps),
    clientDefaults: CLIENT_DEFAULTS,
    enabledJWA: ALGORITHMS,
    clockTolerance: CLOCK_TOLERANCE,
    assertJwtClientAuthClaimsAndHeader: ({ oidc }, claims, header) => {
      const audiences = new Set([oidc.issuer, oidc.urlFor('token'), oidc.urlFor(oidc.route)])
      checkClientAssertion({ clock: caps.clock, audiences }, claims as AssertionClaims, header)
    },
    // These endpoints read no cookies: a script of another origin can do no more than any holder of the credentials.
    clientBasedCORS: () => true,
    conformIdTokenClaims: false,
    ttl: TTL,
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    // The grant belongs to the account, so it outlives the member who made it (docs/rules.md 8.1).
    findAccount: async (_ctx, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
    loadExistingGrant: async ctx => {
      const grantId = ctx.oidc.result?.consent?.grantId
      return grantId ? await ctx.oidc.provider.Grant.find(grantId) : undefined
    },
    extraParams: { mode: checkRequest, [OMITTED]: noteOmittedRedirectUri },
    extraClientMetadata: { properties: [...MANIFEST_MEMBERS] },
    fetch: caps.outbound.fetch,
    cookies: {
      keys: keyring.derive('cookies').map(key => key.toString('base64url')),
      names: { session: 'latchkey_provider', interaction: 'latchkey_interaction', resume: 'latchkey_resume' },
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}`, policy: promptPolicy(caps) },
    renderError: renderErrorWith(caps),
    routes: ROUTES,
    features: featuresOf(caps),
  }
}

/** Without these, RFC 8414 §2 lets a client assume client_secret_basic. */
function discoveryOf(caps: ProviderCaps): Configuration['discovery'] {
  return {
    prompt_values_supported: promptValues(caps),
    introspection_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGS,
    revocation_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGS,
  }
}

function featuresOf(caps: ProviderCaps): Configuration['features'] {
  return {
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    revocation: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId },
    introspection: {
      enabled: true,
      allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId,
    },
    registration: {
      enabled: true,
      initialAccessToken: true,
      policies: { [REGISTRATION_POLICY]: createRegistrationPolicy(caps) },
      idFactory: () => currentRequest()?.registrant?.appId ?? caps.ids.next('app'),
      secretFactory: () => newClientSecret(caps.random),
    },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: false },
    ...installationFeatures(caps.publicUrl, caps.catalog),
  }
}

function renderErrorWith(caps: ProviderCaps): NonNullable<Configuration['renderError']> {
  return async (ctx, out, error) => {
    const [, uid] = /^\/oauth\/authorize\/([\w-]+)$/.exec(ctx.path) ?? []
    if (uid && error instanceof errors.SessionNotFound) {
      ctx.status = 303 // a double click: the consent page finds what the first one made
      ctx.redirect(`/interaction/${uid}`)
      return
    }
    if (error instanceof DatabaseAway) ctx.status = 503
    ctx.type = 'html'
    const stranger = error instanceof errors.InvalidClient && currentRequest()?.viewer?.accountIds.length === 0
    ctx.body = caps.renderErrorPage(ctx.res, out, stranger && ctx.method === 'GET' ? ctx.url : undefined)
  }
}

/** Called for every authorization request, with or without `mode`. */
function checkRequest(ctx: KoaContextWithOIDC, mode: string | undefined): void {
  requireShortRequest(ctx)
  checkInstallationRequest(ctx, mode)
  followOurSession(ctx)
}
