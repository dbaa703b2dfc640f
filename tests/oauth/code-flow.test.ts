import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { authorizationUrl, exchangeCode, pushedAuthorizationUrl } from '../support/oauth-client.ts'
import { createWorld, REDIRECT } from '../support/world.ts'
import { approve, basic, codeFor, exchange, post, secondsLater } from './flow.ts'

const world = await createWorld()
after(() => world[Symbol.asyncDispose]())
const app = await world.app()
const other = await world.app()
const tokenEndpoint = `${world.url}/oauth/token`

/** Sends an authorization request with changed parameters (undefined omits one) and returns where it led. */
async function ask(changes: Record<string, string | undefined>) {
  const person = await world.person()
  const { url, state } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
  const answer = await person.browser.follow(await person.browser.get(url.href))
  return { person, answer, state }
}

/** The parameters of the redirect that a refused request led to. */
async function refused(changes: Record<string, string | undefined>): Promise<Record<string, string>> {
  const { answer, state } = await ask(changes)
  assert.ok(answer.location?.startsWith(`${REDIRECT}?`), `${answer.status} ${answer.text.slice(0, 500)}`)
  const parameters = Object.fromEntries(new URL(answer.location ?? '').searchParams)
  assert.equal(parameters['state'], state)
  assert.equal(parameters['iss'], world.url)
  assert.equal(parameters['code'], undefined)
  return parameters
}

test('a request without PKCE is refused', async () => {
  const answer = await refused({ code_challenge: undefined, code_challenge_method: undefined })
  assert.equal(answer['error'], 'invalid_request')
})

test('PKCE "plain" is refused, explicit or by default', async () => {
  assert.equal((await refused({ code_challenge_method: 'plain' }))['error'], 'invalid_request')
  assert.equal((await refused({ code_challenge_method: undefined }))['error'], 'invalid_request')
})

test('response types other than "code" are refused', async () => {
  for (const type of ['token', 'id_token', 'code id_token', 'none']) {
    const { answer } = await ask({ response_type: type, nonce: 'n' })
    const error = new URLSearchParams(
      new URL(answer.location ?? '').hash.slice(1) || new URL(answer.location ?? '').search,
    )
    assert.equal(error.get('error'), 'unsupported_response_type', type)
  }
})

const STRANGE_ADDRESSES = [
  'https://evil.example/callback',
  `${REDIRECT}/deeper`,
  `${REDIRECT}?more=1`,
  `${REDIRECT}#fragment`,
  REDIRECT.replace('127.0.0.1', 'localhost'),
  REDIRECT.replace('/callback', '/Callback'),
]
for (const address of STRANGE_ADDRESSES) {
  test(`an unregistered redirect_uri is never redirected to: ${address}`, async () => {
    const { answer } = await ask({ redirect_uri: address })
    assert.equal(answer.status, 400)
    assert.equal(answer.location, undefined)
    assert.doesNotMatch(answer.text, /evil\.example/)
  })
}

test('a request without redirect_uri or with an unknown client ends on our own error page', async () => {
  for (const changes of [
    { client_id: 'app_unknown' },
    { client_id: undefined },
    { client_id: '<script>alert(1)</script>' },
  ]) {
    const { answer } = await ask(changes)
    assert.equal(answer.status, 400)
    assert.equal(answer.location, undefined)
    assert.match(answer.text, /This request cannot continue/)
    assert.match(answer.text, /name this: <code>req_[0-9a-z]{26}</)
    assert.doesNotMatch(answer.text, /<script>alert/)
  }
})

test('state and iss are returned with the code', async () => {
  const person = await world.person()
  const state = 'a state with spaces & "quotes" <b>'
  const request = await authorizationUrl(app.client, { redirectUri: REDIRECT, state })
  const back = await approve(person, request.url)
  assert.equal(back.searchParams.get('state'), state)
  assert.equal(back.searchParams.get('iss'), world.url)
  await exchangeCode(app.client, request, back)
})

test('Cancel returns access_denied with state and iss, and installs nothing', async () => {
  const { person, answer, state } = await ask({})
  const back = await person.browser.follow(await person.browser.submit(answer.form(), { decision: 'cancel' }))
  const parameters = new URL(back.location ?? '').searchParams
  assert.deepEqual(
    [parameters.get('error'), parameters.get('state'), parameters.get('iss')],
    ['access_denied', state, world.url],
  )
  const [row] = await world.deps.database.read(tx =>
    tx('installations').where({ account_id: person.accountId }).count({ count: '*' }),
  )
  assert.equal(Number(row?.['count']), 0)
})

test('a code works once', async () => {
  const code = await codeFor(await world.person(), app)
  assert.equal((await post(tokenEndpoint, exchange(code), basic(app))).status, 200)
  const again = await post(tokenEndpoint, exchange(code), basic(app))
  assert.deepEqual([again.status, again.body['error']], [400, 'invalid_grant'])
})

test('a code expires after a minute', async t => {
  const code = await codeFor(await world.person(), app)
  const late = await secondsLater(t, 61, () => post(tokenEndpoint, exchange(code), basic(app)))
  assert.deepEqual([late.status, late.body['error']], [400, 'invalid_grant'])
})

test('a code is refused for another client, and still works for its own', async () => {
  const code = await codeFor(await world.person(), app)
  const stolen = await post(tokenEndpoint, exchange(code), basic(other))
  assert.deepEqual([stolen.status, stolen.body['error']], [400, 'invalid_grant'])
  assert.equal((await post(tokenEndpoint, exchange(code), basic(app))).status, 200)
})

test('a code is refused without its verifier or its redirect_uri', async () => {
  const code = await codeFor(await world.person(), app)
  const wrong = { ...exchange(code), code_verifier: 'x'.repeat(43) }
  const { code_verifier: _, ...without } = exchange(code)
  const elsewhere = { ...exchange(code), redirect_uri: 'https://evil.example/' }
  const { redirect_uri: _sent, ...omitted } = exchange(code) // RFC 6749 §4.1.3
  for (const fields of [wrong, without, elsewhere, omitted]) {
    const answer = await post(tokenEndpoint, fields, basic(app))
    assert.deepEqual([answer.status, answer.body['error']], [400, 'invalid_grant'])
  }
})

test('redirect_uri may be omitted at both ends if one is registered, pushed or not (RFC 6749 §3.1.2.3)', async () => {
  const { url, codeVerifier } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  url.searchParams.delete('redirect_uri')
  const pushed = await post(`${world.url}/oauth/par`, Object.fromEntries(url.searchParams), basic(app))
  const short = new URL(`${world.url}/oauth/authorize`)
  short.search = String(
    new URLSearchParams({ client_id: app.id, request_uri: String(pushed.body['request_uri']), redirect_uri: REDIRECT }),
  )
  for (const address of [url, short]) {
    const back = await approve(await world.person(), address)
    const code = back.searchParams.get('code') ?? ''
    const fields = { grant_type: 'authorization_code', code, code_verifier: codeVerifier }
    assert.equal((await post(tokenEndpoint, fields, basic(app))).status, 200, address.href)
  }
})

test('an unknown mode is invalid_request, sent back to the platform', async () => {
  for (const mode of ['sandbox', 'LIVE', ' ']) assert.equal((await refused({ mode }))['error'], 'invalid_request', mode)
})

test('an unknown mode is refused in a pushed request as well', async () => {
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT, extra: { mode: 'sandbox' } })
  const answer = await post(`${world.url}/oauth/par`, Object.fromEntries(url.searchParams), basic(app))
  assert.deepEqual([answer.status, answer.body['error']], [400, 'invalid_request'])
})

test('a permission of the catalog outside the manifest is invalid_scope', async () => {
  for (const scope of ['refunds:write', 'charges:read refunds:write', 'openid no:such refunds:write']) {
    assert.equal((await refused({ scope }))['error'], 'invalid_scope', scope)
  }
})

test('a scope that names some permissions installs with those only', async () => {
  const installed = await world.install(await world.person(), app, { scope: 'customers:read charges:read' })
  assert.deepEqual(installed.permissions, ['charges:read', 'customers:read'])
  assert.deepEqual(String(installed.tokens.scope).split(' ').toSorted(), ['charges:read', 'customers:read'])
})

test('without a named permission all of the manifest’s are requested, with or without openid and offline_access', async () => {
  for (const scope of [undefined, 'openid', 'offline_access', 'openid offline_access']) {
    const installed = await world.install(await world.person(), app, scope === undefined ? {} : { scope })
    assert.deepEqual(installed.permissions, ['charges:read', 'charges:write', 'customers:read'], scope)
    assert.ok(installed.tokens.refresh_token, scope)
  }
})

test('openid returns an ID token that verifies with the published keys; without it there is none', async () => {
  const person = await world.person()
  const code = await codeFor(person, app, { scope: 'openid', extra: { nonce: 'a nonce' } })
  const tokens = (await post(tokenEndpoint, exchange(code), basic(app))).body
  const keys = createRemoteJWKSet(new URL(`${world.url}/oauth/jwks`))
  const { payload, protectedHeader } = await jwtVerify(String(tokens['id_token']), keys, {
    issuer: world.url,
    audience: app.id,
    algorithms: ['ES256'],
  })
  assert.equal(protectedHeader.alg, 'ES256')
  assert.equal(payload.sub, person.userId)
  assert.equal(payload['nonce'], 'a nonce')
  const without = await world.install(await world.person(), app)
  assert.equal(without.tokens.id_token, undefined)
})

test('the token response describes the installation with exactly the documented members', async () => {
  const person = await world.person()
  const installed = await world.install(person, app, { scope: 'charges:read', extra: { mode: 'test' } })
  assert.match(installed.id, /^ins_[0-9a-z]{26}$/)
  assert.deepEqual(installed.tokens['authorization_details'], [
    {
      type: 'installation',
      installation_id: installed.id,
      account_id: person.accountId,
      mode: 'test',
      generation: 1,
      permissions: ['charges:read'],
    },
  ])
  assert.equal(installed.tokens.token_type, 'bearer')
})

test('authorization_details set permissions and mode', async () => {
  const details = [{ type: 'installation', permissions: ['charges:read'], mode: 'test' }]
  const installed = await world.install(await world.person(), app, {
    extra: { authorization_details: JSON.stringify(details) },
  })
  assert.deepEqual([installed.mode, installed.permissions], ['test', ['charges:read']])
  assert.ok(installed.tokens.refresh_token)
})

test('authorization_details without permissions request all, and combine with scope and mode', async () => {
  const bare = JSON.stringify([{ type: 'installation' }])
  const all = await world.install(await world.person(), app, { extra: { authorization_details: bare } })
  assert.deepEqual([all.mode, all.permissions.length], ['live', 3])
  const scoped = await world.install(await world.person(), app, {
    scope: 'charges:write',
    extra: { authorization_details: bare, mode: 'test' },
  })
  assert.deepEqual([scoped.mode, scoped.permissions], ['test', ['charges:write']])
})

test('authorization_details work in a pushed request', async () => {
  const details = [{ type: 'installation', permissions: ['customers:read'], mode: 'test' }]
  const request = await pushedAuthorizationUrl(app.client, {
    redirectUri: REDIRECT,
    extra: { authorization_details: JSON.stringify(details) },
  })
  const tokens = await exchangeCode(app.client, request, await approve(await world.person(), request.url))
  const [detail] = tokens['authorization_details'] as Record<string, unknown>[]
  assert.deepEqual([detail?.['mode'], detail?.['permissions']], ['test', ['customers:read']])
})

const WRONG_DETAILS: [string, unknown, string][] = [
  ['an unknown type', [{ type: 'payment' }], 'invalid_authorization_details'],
  ['no type', [{ mode: 'test' }], 'invalid_authorization_details'],
  ['an unknown member', [{ type: 'installation', amount: 1 }], 'invalid_authorization_details'],
  ['a type of the object prototype', [{ type: 'constructor' }], 'invalid_authorization_details'],
  ['an unknown mode', [{ type: 'installation', mode: 'sandbox' }], 'invalid_authorization_details'],
  [
    'permissions that are no list',
    [{ type: 'installation', permissions: 'charges:read' }],
    'invalid_authorization_details',
  ],
  ['a permission outside the manifest', [{ type: 'installation', permissions: ['refunds:write'] }], 'invalid_scope'],
  [
    'two modes',
    [
      { type: 'installation', mode: 'live' },
      { type: 'installation', mode: 'test' },
    ],
    'invalid_request',
  ],
  ['no list', { type: 'installation' }, 'invalid_authorization_details'],
  ['a list of texts', ['installation'], 'invalid_authorization_details'],
]
for (const [what, details, error] of WRONG_DETAILS) {
  test(`authorization_details with ${what} are ${error}`, async () => {
    assert.equal((await refused({ authorization_details: JSON.stringify(details) }))['error'], error)
  })
}

test('authorization_details that are not JSON are invalid_authorization_details', async () => {
  assert.equal((await refused({ authorization_details: '{' }))['error'], 'invalid_authorization_details')
  const again = await post(
    `${world.url}/oauth/par`,
    {
      ...Object.fromEntries((await authorizationUrl(app.client, { redirectUri: REDIRECT })).url.searchParams),
      authorization_details: '{',
    },
    basic(app),
  )
  assert.deepEqual([again.status, again.body['error']], [400, 'invalid_authorization_details'])
})

test('contradictory mode and authorization_details are invalid_request', async () => {
  const details = JSON.stringify([{ type: 'installation', mode: 'live' }])
  assert.equal((await refused({ mode: 'test', authorization_details: details }))['error'], 'invalid_request')
})

test('an installed app: Continue returns a code and mints nothing', async () => {
  const person = await world.person()
  const first = await world.install(person, app)
  const keys = () =>
    world.deps.database.read(tx => tx('keys').where({ installation_id: first.id }).count({ count: '*' }))
  const before = await keys()
  const request = await authorizationUrl(app.client, { redirectUri: REDIRECT, scope: 'charges:read' })
  const page = await person.browser.follow(await person.browser.get(request.url.href))
  assert.match(page.text, /is installed already/)
  const back = await person.browser.follow(await person.browser.submit(page.form(), { decision: 'continue' }))
  const tokens = await exchangeCode(app.client, request, back.location ?? '')
  const [detail] = tokens['authorization_details'] as Record<string, unknown>[]
  assert.equal(detail?.['installation_id'], first.id)
  assert.deepEqual(detail?.['permissions'], ['charges:read'])
  assert.deepEqual(await keys(), before)
})

test('the token endpoint responds no-store, and refuses unknown grant types', async () => {
  const unknown = await post(tokenEndpoint, { grant_type: 'password', username: 'a', password: 'b' }, basic(app))
  assert.deepEqual([unknown.status, unknown.body['error']], [400, 'unsupported_grant_type'])
  assert.equal(unknown.headers.get('cache-control'), 'no-store')
  const nothing = await post(tokenEndpoint, {}, basic(app))
  assert.deepEqual([nothing.status, nothing.body['error']], [400, 'invalid_request'])
})
