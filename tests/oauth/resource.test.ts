import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { authorizationUrl } from '../support/oauth-client.ts'
import { createWorld, REDIRECT } from '../support/world.ts'
import { basic, codeFor, exchange, introspect, jsonOf, post, refresh } from './flow.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())
const tokenEndpoint = `${world.url}/oauth/token`
const app = await world.app()
const API = `${world.url}/v1`
const UNKNOWN = ['https://elsewhere.example/mcp', world.url, `${API}/`, `${API}/keys`, 'not a URI', `${API}#part`]

const call = async (path: string, token: unknown, body?: object) =>
  jsonOf(
    await fetch(`${API}${path}`, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    }),
  )

test('an unknown resource is invalid_target in every request (RFC 8707 §2)', async () => {
  const person = await world.person()
  for (const resource of UNKNOWN) {
    const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT, extra: { resource } })
    const answer = await person.browser.follow(await person.browser.get(url.href))
    assert.equal(new URL(answer.location ?? '').searchParams.get('error'), 'invalid_target', resource)
    const pushed = await post(`${world.url}/oauth/par`, Object.fromEntries(url.searchParams), basic(app))
    assert.deepEqual([pushed.status, pushed.body['error']], [400, 'invalid_target'], resource)
    const own = await post(tokenEndpoint, { grant_type: 'client_credentials', resource }, basic(app))
    assert.deepEqual([own.status, own.body['error']], [400, 'invalid_target'], resource)
  }
})

test('an unknown resource beside a known one is refused as well', async () => {
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT, extra: { resource: API } })
  url.searchParams.append('resource', 'https://elsewhere.example')
  const person = await world.person()
  const answer = await person.browser.follow(await person.browser.get(url.href))
  assert.equal(new URL(answer.location ?? '').searchParams.get('error'), 'invalid_target')
})

test('a wrong resource uses up neither a code nor a refresh token', async () => {
  const person = await world.person()
  const code = await codeFor(person, app, { scope: 'charges:read' })
  for (const resource of UNKNOWN) {
    const refused = await post(tokenEndpoint, { ...exchange(code), resource }, basic(app))
    assert.deepEqual([refused.status, refused.body['error']], [400, 'invalid_target'], resource)
  }
  const { status, body } = await post(tokenEndpoint, exchange(code), basic(app))
  assert.equal(status, 200)
  for (const resource of UNKNOWN) {
    const refused = await post(tokenEndpoint, { ...refresh(body['refresh_token']), resource }, basic(app))
    assert.deepEqual([refused.status, refused.body['error']], [400, 'invalid_target'], resource)
  }
  assert.equal((await post(tokenEndpoint, refresh(body['refresh_token']), basic(app))).status, 200)
})

test('the platform API may be named at any step; its token has that audience and works there', async () => {
  const named = await codeFor(await world.person(), app, { scope: 'charges:read', extra: { resource: API } })
  const bare = await codeFor(await world.person(), app, { scope: 'charges:read' })
  const answers = [
    await post(tokenEndpoint, exchange(named), basic(app)),
    await post(tokenEndpoint, { ...exchange(bare), resource: API }, basic(app)),
    await post(tokenEndpoint, { grant_type: 'client_credentials', resource: API }, basic(app)),
  ]
  answers.push(
    await post(tokenEndpoint, { ...refresh(answers[0]?.body['refresh_token']), resource: API }, basic(app)),
    await post(tokenEndpoint, { ...refresh(answers[1]?.body['refresh_token']), resource: API }, basic(app)),
  )
  for (const { status, body } of answers) {
    assert.equal(status, 200, JSON.stringify(body))
    assert.equal((await call('/installations', body['access_token'])).status, 200)
  }
  assert.equal((await introspect(world, app, answers[0]?.body['access_token']))['aud'], API)
})

test('a token with another audience is refused at /v1', async () => {
  const grant = new world.deps.provider.ClientCredentials({
    client: await world.deps.provider.Client.find(app.id),
    scope: 'charges:read',
  } as never)
  grant.setAudience('https://elsewhere.example/mcp')
  const { status, body } = await call('/installations', await grant.save())
  assert.deepEqual([status, body['code']], [401, 'unauthorized'])
})

test('a token mints keys with its own permissions only, and without permissions none', async () => {
  const person = await world.person()
  const { id, tokens } = await world.install(person, app, { scope: 'charges:read' })
  const keys = () => world.deps.database.read(tx => tx('keys').where({ installation_id: id }).select('permissions'))
  const before = await keys()
  const other = await world.install(person, app, { scope: 'openid charges:write', fields: { decision: 'continue' } })
  assert.deepEqual([other.id, other.permissions], [id, []])
  const own = await post(tokenEndpoint, { grant_type: 'client_credentials', scope: 'customers:read' }, basic(app))
  for (const token of [other.tokens.access_token, own.body['access_token']]) {
    const refused = await call(`/installations/${id}/keys`, token, { name: 'empty' })
    assert.deepEqual([refused.status, refused.body['code']], [403, 'permission_not_granted'])
  }
  assert.deepEqual(await keys(), before)
  const minted = await call(`/installations/${id}/keys`, tokens.access_token, { name: 'more' })
  assert.deepEqual([minted.status, minted.body['permissions']], [201, ['charges:read']])
})
