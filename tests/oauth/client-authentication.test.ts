import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { type JWTHeaderParameters, SignJWT } from 'jose'
import { createWorld } from '../support/world.ts'
import { basic, jsonOf, post } from './flow.ts'
import { ASSERTION_TYPE } from './proofs.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())
const app = await world.app()
const signed = await world.app({ metadata: { token_endpoint_auth_method: 'private_key_jwt' } })
const ENDPOINTS: Record<string, Record<string, string>> = {
  '/oauth/token': { grant_type: 'client_credentials' },
  '/oauth/par': { response_type: 'code' },
  '/oauth/revoke': { token: 'nonsense' },
  '/oauth/introspect': { token: 'nonsense' },
}
const { id, registered } = app
const encoded = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
const typed = { client_assertion_type: ASSERTION_TYPE }

/** Fields and headers that authenticate no client, and the error (RFC 6749 §5.2, RFC 7521 §4.2.1). */
const FAULTS: [string, Record<string, string>, Record<string, string>, 400 | 401][] = [
  ['nothing at all', {}, {}, 401],
  ['only the name of a client', { client_id: id }, {}, 401],
  ['a secret without a name', { client_secret: registered.client_secret }, {}, 401],
  ['an unknown client', { client_id: 'app_unknown' }, {}, 401],
  ['a wrong secret', {}, encoded(`${id}:wrong`), 401],
  ['an empty secret', {}, encoded(`${id}:`), 401],
  ['Basic without a colon', {}, encoded(id), 401],
  ['Basic that is not base64', {}, { authorization: 'Basic ~~~' }, 401],
  ['another scheme', {}, { authorization: 'Bearer nonsense' }, 401],
  ['an invalid assertion', { client_assertion: 'nonsense', ...typed }, {}, 401],
  ['an assertion of an unknown type', { client_assertion: 'a.b.c', client_assertion_type: 'saml' }, {}, 401],
  ['an assertion without a type', { client_assertion: 'a.b.c' }, {}, 400],
  ['two ways at once', { client_id: id, client_secret: registered.client_secret }, basic(app), 400],
]

for (const [path, fields] of Object.entries(ENDPOINTS)) {
  test(`${path}: failed authentication is invalid_client with a challenge; only a contradictory request is invalid_request`, async () => {
    for (const [what, more, headers, status] of FAULTS) {
      const answer = await post(world.url + path, { ...fields, ...more }, headers)
      const error = status === 401 ? 'invalid_client' : 'invalid_request'
      assert.deepEqual([answer.status, answer.body['error']], [status, error], what)
      assert.equal(/^Basic realm=/.test(answer.headers.get('www-authenticate') ?? ''), status === 401, what)
    }
    const twice = `client_id=${id}&client_id=other&token=x&grant_type=client_credentials`
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const repeated = await jsonOf(await fetch(world.url + path, { method: 'POST', headers, body: twice }))
    assert.deepEqual([repeated.status, repeated.body['error']], [400, 'invalid_request'])
    const json = { ...basic(app), 'content-type': 'application/json' }
    const unread = await jsonOf(await fetch(world.url + path, { method: 'POST', headers: json, body: '{}' }))
    assert.deepEqual([unread.status, unread.body['error']], [400, 'invalid_request'])
    const got = await jsonOf(await fetch(world.url + path))
    assert.deepEqual([got.status, got.headers.get('allow'), got.body['error']], [405, 'POST', 'invalid_request'])
  })

  test(`${path}: a missing parameter is invalid_request once the client is authenticated`, async () => {
    const answer = await post(world.url + path, {}, basic(app))
    assert.deepEqual([answer.status, answer.body['error']], [400, 'invalid_request'])
  })
}

/** An assertion with changed claims and header members. */
async function authenticate(claims: Record<string, unknown>, header: Partial<JWTHeaderParameters> = {}) {
  const { key, kid } = signed.receiver.privateSigningKey
  const now = Math.floor(Date.now() / 1_000)
  const right = { iss: signed.id, sub: signed.id, aud: world.url, jti: randomUUID(), iat: now, exp: now + 60 }
  const jwt = await new SignJWT({ ...right, ...claims }).setProtectedHeader({ alg: 'ES256', kid, ...header }).sign(key)
  return await post(`${world.url}/oauth/token`, {
    grant_type: 'client_credentials',
    client_assertion: jwt,
    ...typed,
  })
}

test('an assertion with any wrong claim is invalid_client, and nothing of it is stored', async () => {
  const now = Math.floor(Date.now() / 1_000)
  const wrong: [Record<string, unknown>, Partial<JWTHeaderParameters>?][] = [
    [{ exp: now + 3 * 365 * 86_400 }],
    [{ exp: null }],
    [{ exp: 'later' }],
    [{ iat: now + 3_600 }],
    [{ nbf: now + 3_600 }],
    [{ nbf: 'soon' }],
    [{ aud: [world.url, 'https://elsewhere.example'] }],
    [{ aud: [] }],
    ...[{ a: 1 }, ['x'], 7, '', null, true].flatMap((value): [Record<string, unknown>][] => [
      [{ jti: value }],
      [{ sub: value }],
      [{ iss: value }],
    ]),
    [{}, { typ: 'dpop+jwt' }],
  ]
  const rows = () =>
    world.deps.database.read(tx => tx('oauth_records').where({ model: 'ReplayDetection' }).pluck('id_hash'))
  const before = await rows()
  for (const [claims, header] of wrong) {
    const { status, body } = await authenticate(claims, header)
    assert.deepEqual([status, body['error']], [401, 'invalid_client'], JSON.stringify([claims, header]))
  }
  assert.deepEqual(await rows(), before)
  assert.equal((await authenticate({ aud: [world.url, `${world.url}/oauth/token`] })).status, 200)
  assert.equal((await authenticate({ jti: 'x'.repeat(5_000) })).status, 200)
})
