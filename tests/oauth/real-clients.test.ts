import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { Auth, type AuthConfig, skipCSRFCheck } from '@auth/core'
import { auth, type OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js'
import type { OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'
import * as openid from 'openid-client'
import Strategy from 'passport-oauth2'
import { AuthorizationCode, ClientCredentials } from 'simple-oauth2'
import { discover, exchangeCode, pushedAuthorizationUrl } from '../support/oauth-client.ts'
import { createWorld, REDIRECT } from '../support/world.ts'
import { approve } from './flow.ts'

/** Unmodified OAuth clients, configured as in their documentation, complete the flow, refresh included. */

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())
const AUTHJS_REDIRECT = `${REDIRECT}/callback/latchkey`
const app = await world.app({ metadata: { redirect_uris: [REDIRECT, AUTHJS_REDIRECT] } })
const posting = await world.app({ metadata: { token_endpoint_auth_method: 'client_secret_post' } })
const AUTHORIZE = `${world.url}/oauth/authorize`
const TOKEN = `${world.url}/oauth/token`

const installations = async (accessToken: unknown) =>
  (await fetch(`${world.url}/v1/installations`, { headers: { authorization: `Bearer ${accessToken}` } })).status

test('Auth.js with the defaults of its OIDC provider: openid profile email', async () => {
  const accounts: Record<string, unknown>[] = []
  const config: Omit<AuthConfig, 'raw'> = {
    basePath: '/callback',
    trustHost: true,
    secret: randomBytes(32).toString('hex'),
    skipCSRFCheck,
    providers: [
      {
        id: 'latchkey',
        name: 'Latchkey',
        type: 'oidc' as const,
        issuer: world.url,
        clientId: app.id,
        clientSecret: app.registered.client_secret,
      },
    ],
    callbacks: {
      jwt: ({ token, account }) => {
        if (account) accounts.push({ ...account })
        return token
      },
    },
  }
  const origin = new URL(REDIRECT).origin
  const begun = await Auth(new Request(`${origin}/callback/signin/latchkey`, { method: 'POST' }), config)
  const address = new URL(begun.headers.get('location') ?? '')
  assert.equal(address.searchParams.get('scope'), 'openid profile email')
  const person = await world.person()
  const back = await approve(person, address)
  const cookie = begun.headers
    .getSetCookie()
    .map(line => line.split(';')[0])
    .join('; ')
  const done = await Auth(new Request(back, { headers: { cookie } }), config)
  assert.equal(done.status, 302)
  assert.ok(
    done.headers.getSetCookie().some(line => /session-token=./.test(line)),
    done.headers.get('location') ?? '',
  )
  const [account] = accounts
  assert.equal(account?.['providerAccountId'], person.userId)
  assert.match(String(account?.['scope']), /^openid charges:read /)
  assert.equal(await installations(account?.['access_token']), 200)
})

test('passport-oauth2 with PKCE, and a refresh', async () => {
  type Outcome = { redirect?: string; user?: Record<string, unknown> }
  const settings = {
    authorizationURL: AUTHORIZE,
    tokenURL: TOKEN,
    callbackURL: REDIRECT,
    state: true,
    pkce: true,
    clientID: posting.id,
    clientSecret: posting.registered.client_secret,
    scope: ['openid', 'offline_access', 'charges:read'],
  }
  const strategy = new Strategy(settings, (access, refresh, params, _profile, done) =>
    done(null, { access, refresh, scope: params['scope'] }),
  )
  const session = {}
  const step = (query: Record<string, string>) =>
    new Promise<Outcome>((resolve, reject) => {
      const outcomes = {
        redirect: (redirect: string) => resolve({ redirect }),
        success: (user: Record<string, unknown>) => resolve({ user }),
        fail: (info: unknown) => reject(new Error(JSON.stringify(info))),
        error: reject,
      }
      Object.assign(Object.create(strategy) as Strategy, outcomes).authenticate({ query, session })
    })
  const { redirect = '' } = await step({})
  const back = await approve(await world.person(), new URL(redirect))
  const { user } = await step(Object.fromEntries(back.searchParams))
  assert.equal(user?.['scope'], 'openid offline_access charges:read')
  const refreshed = await new Promise<string>((resolve, reject) => {
    const grant = { grant_type: 'refresh_token' }
    strategy._oauth2.getOAuthAccessToken(String(user?.['refresh']), grant, (error, access) =>
      error ? reject(error) : resolve(access),
    )
  })
  assert.equal(await installations(refreshed), 200)
})

test('simple-oauth2: code with PKCE, a refresh with the original scope, revocation, client credentials', async () => {
  const settings = {
    client: { id: app.id, secret: app.registered.client_secret },
    auth: {
      tokenHost: world.url,
      tokenPath: '/oauth/token',
      authorizePath: '/oauth/authorize',
      revokePath: '/oauth/revoke',
    },
  }
  const {
    auth: { authorizePath: _a, ...tokenOnly },
    client,
  } = settings
  const verifier = randomBytes(32).toString('base64url')
  const code = new AuthorizationCode(settings)
  const scope = 'offline_access profile charges:read'
  const address = code.authorizeURL({
    redirect_uri: REDIRECT,
    scope,
    state: 'abc',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const back = await approve(await world.person(), new URL(address))
  const answer = { code: back.searchParams.get('code') ?? '', redirect_uri: REDIRECT, code_verifier: verifier }
  const token = await code.getToken(answer)
  assert.equal(token.token['scope'], 'offline_access charges:read')
  const refreshed = await token.refresh({ scope })
  assert.equal(refreshed.token['scope'], 'offline_access charges:read')
  assert.equal(await installations(refreshed.token['access_token']), 200)
  await refreshed.revokeAll()
  assert.equal(await installations(refreshed.token['access_token']), 401)
  const own = await new ClientCredentials({ client, auth: tokenOnly }).getToken({ scope: 'charges:read' })
  assert.equal(await installations(own.token['access_token']), 200)
})

test('openid-client: PAR, code, refresh, userinfo, introspection, revocation', async () => {
  const config = await discover(world.url, { clientId: app.id, clientSecret: app.registered.client_secret })
  const person = await world.person()
  const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair())
  const parameters = { redirectUri: REDIRECT, scope: 'openid profile offline_access charges:read' }
  const request = await pushedAuthorizationUrl(config, parameters, { DPoP })
  const tokens = await exchangeCode(config, request, await approve(person, request.url), { DPoP })
  assert.deepEqual([tokens.scope, tokens.claims()?.sub], ['openid offline_access charges:read', person.userId])
  const next = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '', { scope: parameters.scope }, { DPoP })
  assert.equal(next.scope, tokens.scope)
  const profile = await openid.fetchUserInfo(config, next.access_token, person.userId, { DPoP })
  assert.equal(profile.sub, person.userId)
  assert.equal((await openid.tokenIntrospection(config, next.access_token)).active, true)
  await openid.tokenRevocation(config, next.refresh_token ?? '')
  assert.equal((await openid.tokenIntrospection(config, next.access_token)).active, false)
})

test('the OAuth client of the MCP SDK: discovery, code, refresh, with its resource parameter', async () => {
  const stored: { tokens?: OAuthTokens; verifier?: string; address?: URL } = {}
  const provider: OAuthClientProvider = {
    redirectUrl: REDIRECT,
    clientMetadata: { redirect_uris: [REDIRECT], scope: 'charges:read offline_access' },
    clientInformation: () => ({ client_id: app.id, client_secret: app.registered.client_secret }),
    tokens: () => stored.tokens,
    saveTokens: tokens => void Object.assign(stored, { tokens }),
    redirectToAuthorization: address => void Object.assign(stored, { address }),
    saveCodeVerifier: verifier => void Object.assign(stored, { verifier }),
    codeVerifier: () => stored.verifier ?? '',
    validateResourceURL: async () => new URL(`${world.url}/v1`),
  }
  const serverUrl = `${world.url}/v1`
  assert.equal(await auth(provider, { serverUrl }), 'REDIRECT')
  assert.equal(stored.address?.searchParams.get('resource'), serverUrl)
  const back = await approve(await world.person(), stored.address ?? new URL(world.url))
  const authorizationCode = back.searchParams.get('code') ?? ''
  assert.equal(await auth(provider, { serverUrl, authorizationCode }), 'AUTHORIZED')
  const first = stored.tokens
  assert.equal(first?.scope, 'offline_access charges:read')
  assert.equal(await auth(provider, { serverUrl }), 'AUTHORIZED')
  assert.notEqual(stored.tokens?.access_token, first?.access_token)
  assert.equal(await installations(stored.tokens?.access_token), 200)
})
