import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { authorizationUrl } from '../support/oauth-client.ts'
import { createWorld, REDIRECT } from '../support/world.ts'
import { basic, codeFor, exchange, post } from './flow.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())
const app = await world.app()
const ORIGIN = 'https://script.example'

async function preflight(path: string, method: string): Promise<Response> {
  return await fetch(world.url + path, {
    method: 'OPTIONS',
    headers: {
      origin: ORIGIN,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization,dpop,content-type',
    },
  })
}

/** Whether a browser exposes the response to a script of that origin (Fetch §4.10). */
const shown = (headers: Headers) => ['*', ORIGIN].includes(headers.get('access-control-allow-origin') ?? '')

test('the CORS headers of the preflight are on every response: success, error and unknown', async () => {
  const code = await codeFor(await world.person(), app, { scope: 'openid' })
  const first = await post(`${world.url}/oauth/token`, exchange(code), { ...basic(app), origin: ORIGIN })
  assert.deepEqual([first.status, shown(first.headers)], [200, true])
  const token = String(first.body['access_token'])
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  const posts: [string, Record<string, string>, number][] = [
    ['/oauth/token', { grant_type: 'client_credentials' }, 200],
    ['/oauth/par', Object.fromEntries(url.searchParams), 201],
    ['/oauth/introspect', { token }, 200],
    ['/oauth/revoke', { token: 'nonsense' }, 200],
  ]
  for (const [path, fields, status] of posts) {
    assert.ok(shown((await preflight(path, 'POST')).headers), path)
    const right = await post(world.url + path, fields, { ...basic(app), origin: ORIGIN })
    assert.deepEqual([right.status, shown(right.headers)], [status, true], path)
    for (const headers of [{}, basic(app, 'wrong')]) {
      const wrong = await post(world.url + path, fields, { ...headers, origin: ORIGIN })
      assert.deepEqual([wrong.status, shown(wrong.headers)], [401, true], path)
      assert.match(wrong.headers.get('access-control-expose-headers') ?? '', /WWW-Authenticate/)
    }
    assert.equal(right.headers.get('access-control-allow-credentials'), null, 'no cookie is ever read there')
    assert.match(right.headers.get('vary') ?? '', /Origin/)
  }
  for (const path of [
    '/oauth/userinfo',
    '/oauth/jwks',
    '/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server',
  ]) {
    assert.ok(shown((await preflight(path, 'GET')).headers), path)
    const headers = { origin: ORIGIN, ...(path.endsWith('userinfo') && { authorization: `Bearer ${token}` }) }
    const answer = await fetch(world.url + path, { headers })
    assert.deepEqual([answer.status, shown(answer.headers)], [200, true], path)
  }
})

test('/v1 and registration refuse browsers: no preflight is granted, and no response is exposed to a script', async () => {
  const paths = [
    '/v1/installations',
    '/v1/keys/verify',
    '/v1/keys/self',
    '/v1/leaks',
    '/v1/keys/key_1/rotate',
    '/v1/no',
  ]
  for (const path of paths) {
    const asked = await preflight(path, 'POST')
    assert.deepEqual([asked.status, shown(asked.headers)], [403, false], path)
    assert.equal(((await asked.json()) as Record<string, unknown>)['code'], 'forbidden')
  }
  assert.equal(shown((await preflight('/oauth/register', 'POST')).headers), false)
  const own = await post(`${world.url}/oauth/token`, { grant_type: 'client_credentials' }, basic(app))
  const headers = { authorization: `Bearer ${own.body['access_token']}`, origin: ORIGIN }
  const answer = await fetch(`${world.url}/v1/installations`, { headers })
  assert.deepEqual([answer.status, shown(answer.headers)], [200, false])
})
