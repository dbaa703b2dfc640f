import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { changeRegistration } from '../support/change-registration.ts'
import { exchangeCode, pushedAuthorizationUrl } from '../support/oauth-client.ts'
import { createWorld, REDIRECT } from '../support/world.ts'
import { approve, basic, codeFor, exchange, introspect, post, refresh } from './flow.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())
const tokenEndpoint = `${world.url}/oauth/token`
const app = await world.app()
const ALL = ['charges:read', 'charges:write', 'customers:read']

const names = (scope: unknown) => String(scope).split(' ').toSorted()

test('unknown scopes are ignored, and the response states the granted scope', async () => {
  const cases: [string, string[]][] = [
    ['openid profile email', ['openid', ...ALL]],
    ['profile', ALL],
    ['openid no:such charges:read', ['charges:read', 'openid']],
    ['charges:read https://elsewhere.example/scope', ['charges:read']],
  ]
  for (const [scope, granted] of cases) {
    const { tokens } = await world.install(await world.person(), app, { scope })
    assert.deepEqual(names(tokens.scope), granted.toSorted(), scope)
    const seen = await introspect(world, app, tokens.access_token)
    assert.deepEqual(names(seen['scope']), granted.toSorted(), scope)
  }
})

test('a pushed request follows the same rule: unknown scopes ignored, permissions of others refused', async () => {
  const scope = 'openid profile charges:read offline_access'
  const request = await pushedAuthorizationUrl(app.client, { redirectUri: REDIRECT, scope })
  const tokens = await exchangeCode(app.client, request, await approve(await world.person(), request.url))
  assert.deepEqual(names(tokens.scope), ['charges:read', 'offline_access', 'openid'])
  const fields = { ...Object.fromEntries(request.url.searchParams), response_type: 'code', redirect_uri: REDIRECT }
  const pkce = { code_challenge: 'x'.repeat(43), code_challenge_method: 'S256', request_uri: '' }
  const refused = await post(
    `${world.url}/oauth/par`,
    { ...fields, ...pkce, scope: 'charges:read refunds:write' },
    basic(app),
  )
  assert.deepEqual([refused.status, refused.body['error']], [400, 'invalid_scope'])
})

test('offline_access is in the scope of every response that grants it, and of no other', async () => {
  const api = `${world.url}/v1`
  const details = JSON.stringify([{ type: 'installation', permissions: ['charges:read'] }])
  const requests: [string, Record<string, string>][] = [
    ['openid offline_access charges:read', {}],
    ['openid offline_access charges:read', { resource: api }],
    ['openid offline_access', { authorization_details: details }],
    ['offline_access charges:read openid', { prompt: 'consent' }],
  ]
  for (const [scope, extra] of requests) {
    const { tokens } = await world.install(await world.person(), app, { scope, extra })
    assert.deepEqual(names(tokens.scope), ['charges:read', 'offline_access', 'openid'], JSON.stringify(extra))
    assert.ok(tokens.refresh_token && tokens.id_token)
    const { body } = await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))
    assert.deepEqual(names(body['scope']), ['charges:read', 'offline_access', 'openid'], JSON.stringify(extra))
  }
  const unasked = await world.install(await world.person(), app, { scope: 'charges:read' })
  assert.equal(unasked.tokens.scope, 'charges:read')
  const once = await world.app({ metadata: { grant_types: ['authorization_code'] } })
  const without = await world.install(await world.person(), once, { scope: 'offline_access charges:read' })
  assert.deepEqual([without.tokens.scope, without.tokens.refresh_token], ['charges:read', undefined])
})

test('a refresh may repeat the original scope, whatever it contained', async () => {
  const asked = ['openid profile email', 'offline_access charges:read', 'openid offline_access no:such customers:read']
  for (const scope of asked) {
    const { tokens } = await world.install(await world.person(), app, { scope })
    const { status, body } = await post(tokenEndpoint, { ...refresh(tokens.refresh_token), scope }, basic(app))
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(names(body['scope']), names(tokens.scope), scope)
  }
})

test('a refresh may name offline_access although it was not requested, and nothing else that was not granted', async () => {
  const { tokens } = await world.install(await world.person(), app, { scope: 'charges:read' })
  const more = ['charges:write', 'refunds:read', 'openid']
  for (const scope of more) {
    const refused = await post(tokenEndpoint, { ...refresh(tokens.refresh_token), scope }, basic(app))
    assert.deepEqual([refused.status, refused.body['error']], [400, 'invalid_scope'], scope)
  }
  const fields = { ...refresh(tokens.refresh_token), scope: 'charges:read offline_access' }
  const { body } = await post(tokenEndpoint, fields, basic(app))
  assert.equal(body['scope'], 'charges:read')
})

test('after the app dropped a permission, a refresh with the original scope returns the remaining permissions', async () => {
  const shrinking = await world.app()
  const scope = 'charges:read charges:write'
  const { tokens } = await world.install(await world.person(), shrinking, { scope })
  const unused = await codeFor(await world.person(), shrinking, { scope })
  await changeRegistration(shrinking, { permissions: [{ name: 'charges:read', purpose: 'To look.' }] })
  const exchanged = await post(tokenEndpoint, exchange(unused), basic(shrinking))
  for (const token of [tokens.refresh_token, exchanged.body['refresh_token']]) {
    const { status, body } = await post(tokenEndpoint, { ...refresh(token), scope }, basic(shrinking))
    assert.deepEqual([status, body['scope']], [200, 'charges:read'])
    const seen = await introspect(world, shrinking, body['refresh_token'])
    assert.deepEqual([seen['active'], seen['scope']], [true, 'charges:read'])
  }
})

test('client_credentials grants the app’s own permissions, all or the named ones, and nothing else', async () => {
  const ask = (scope?: string) =>
    post(tokenEndpoint, { grant_type: 'client_credentials', ...(scope !== undefined && { scope }) }, basic(app))
  assert.deepEqual(names((await ask()).body['scope']), ALL)
  assert.equal((await ask('charges:read')).body['scope'], 'charges:read')
  for (const scope of ['foo', 'charges:read foo', 'refunds:write', 'openid', 'offline_access']) {
    const { status, body } = await ask(scope)
    assert.deepEqual([status, body['error'], body['access_token']], [400, 'invalid_scope', undefined], scope)
  }
})
