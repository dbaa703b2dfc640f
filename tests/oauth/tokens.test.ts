import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createWorld, type PublishedApp } from '../support/world.ts'
import { basic, codeFor, exchange, introspect, jsonOf, post, refresh } from './flow.ts'
import { createProofs } from './proofs.ts'

const world = await createWorld()
after(() => world[Symbol.asyncDispose]())
const tokenEndpoint = `${world.url}/oauth/token`
const userinfoEndpoint = `${world.url}/oauth/userinfo`
const app = await world.app()
const other = await world.app()

const revoke = (by: PublishedApp, token: unknown, hint?: string) =>
  post(`${world.url}/oauth/revoke`, { token: String(token), ...(hint && { token_type_hint: hint }) }, basic(by))

test('introspection returns a client’s own tokens: permissions, installation, person, times', async () => {
  const person = await world.person()
  const { tokens } = await world.install(person, app, { scope: 'charges:read' })
  const seen = await introspect(world, app, tokens.access_token)
  assert.deepEqual(
    [seen['active'], seen['client_id'], seen['sub'], seen['iss'], seen['scope'], seen['token_type']],
    [true, app.id, person.userId, world.url, 'charges:read', 'Bearer'],
  )
  assert.deepEqual(seen['authorization_details'], tokens['authorization_details'])
  assert.equal(Number(seen['exp']) - Number(seen['iat']), 3_600)
  assert.equal(seen['jti'], undefined)
  const refreshing = await introspect(world, app, tokens.refresh_token)
  assert.deepEqual([refreshing['active'], refreshing['client_id']], [true, app.id])
})

test('introspection reveals nothing about tokens of others, codes or invalid tokens', async () => {
  const code = await codeFor(await world.person(), app)
  const { tokens } = await world.install(await world.person(), app)
  assert.deepEqual(await introspect(world, other, tokens.access_token), { active: false })
  assert.deepEqual(await introspect(world, other, tokens.refresh_token), { active: false })
  for (const token of [code.value, 'nonsense', 'a.b.c', app.registered['registration_access_token']])
    assert.equal((await introspect(world, app, token))['active'], false, String(token))
  const nobody = await post(`${world.url}/oauth/introspect`, { token: String(tokens.access_token) })
  assert.ok([400, 401].includes(nobody.status))
  assert.equal(nobody.body['active'], undefined)
})

test('revocation ends a client’s own access token', async () => {
  const { tokens } = await world.install(await world.person(), app)
  assert.equal((await revoke(app, tokens.access_token)).status, 200)
  assert.deepEqual(await introspect(world, app, tokens.access_token), { active: false })
})

test('revocation of a refresh token ends it with every access token issued from it', async () => {
  const { tokens } = await world.install(await world.person(), app)
  const { body: next } = await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))
  assert.equal((await introspect(world, app, next['access_token']))['active'], true)
  assert.equal((await revoke(app, next['refresh_token'], 'access_token')).status, 200)
  for (const token of [tokens.access_token, next['access_token'], next['refresh_token']])
    assert.deepEqual(await introspect(world, app, token), { active: false })
  assert.equal((await post(tokenEndpoint, refresh(next['refresh_token']), basic(app))).body['error'], 'invalid_grant')
})

test('revocation by another client changes nothing', async () => {
  const { tokens } = await world.install(await world.person(), app)
  for (const token of [tokens.access_token, tokens.refresh_token]) await revoke(other, token)
  assert.equal((await introspect(world, app, tokens.access_token))['active'], true)
  assert.equal((await introspect(world, app, tokens.refresh_token))['active'], true)
})

test('revocation of an unknown token is 200 (RFC 7009 §2.2)', async () => {
  assert.equal((await revoke(app, 'nonsense')).status, 200)
})

test('revoking tokens ends neither the installation nor its key', async () => {
  const before = app.receiver.events.filter(event => event.type === 'managed_key.created').length
  const { tokens } = await world.install(await world.person(), app)
  await revoke(app, tokens.refresh_token)
  const event = await app.receiver.waitFor('managed_key.created', before + 1)
  assert.equal((await world.verify(event.key ?? ''))['valid'], true)
})

test('a token issued with a DPoP proof is bound to its key, and its response says so', async () => {
  const proofs = await createProofs()
  const code = await codeFor(await world.person(), app, { scope: 'openid charges:read' })
  const { status, body } = await post(tokenEndpoint, exchange(code), {
    ...basic(app),
    dpop: await proofs.make('POST', tokenEndpoint),
  })
  assert.equal(status, 200)
  assert.equal(body['token_type'], 'DPoP')
  const seen = await introspect(world, app, body['access_token'])
  assert.equal(seen['token_type'], 'DPoP')
  assert.deepEqual(seen['cnf'], { jkt: proofs.thumbprint })
})

test('a bound token works at userinfo with a proof of its key only', async () => {
  const proofs = await createProofs()
  const person = await world.person()
  const code = await codeFor(person, app, { scope: 'openid' })
  const dpop = await proofs.make('POST', tokenEndpoint)
  const { body } = await post(tokenEndpoint, exchange(code), { ...basic(app), dpop })
  const accessToken = String(body['access_token'])
  const ask = async (scheme: string, proof?: string) =>
    jsonOf(
      await fetch(userinfoEndpoint, {
        headers: { authorization: `${scheme} ${accessToken}`, ...(proof !== undefined && { dpop: proof }) },
      }),
    )
  const proof = await proofs.make('GET', userinfoEndpoint, { accessToken })
  const answer = await ask('DPoP', proof)
  assert.deepEqual([answer.status, answer.body['sub']], [200, person.userId])
  const thief = await createProofs()
  const refused = [
    await ask('Bearer'),
    await ask('DPoP'),
    await ask('DPoP', proof),
    await ask('DPoP', await thief.make('GET', userinfoEndpoint, { accessToken })),
    await ask('DPoP', await proofs.make('GET', userinfoEndpoint)),
  ]
  for (const { status, body: answered } of refused) {
    assert.ok([400, 401].includes(status))
    assert.equal(answered['sub'], undefined)
  }
})

test('userinfo returns the person’s id only', async () => {
  const person = await world.person()
  const { body } = await post(tokenEndpoint, exchange(await codeFor(person, app, { scope: 'openid' })), basic(app))
  const answer = await jsonOf(
    await fetch(userinfoEndpoint, { headers: { authorization: `Bearer ${body['access_token']}` } }),
  )
  assert.deepEqual([answer.status, answer.body], [200, { sub: person.userId }])
})

test('userinfo refuses missing tokens, and tokens without openid or without a person', async () => {
  const { tokens } = await world.install(await world.person(), app, { scope: 'charges:read' })
  const { body } = await post(tokenEndpoint, { grant_type: 'client_credentials' }, basic(app))
  for (const token of [tokens.access_token, body['access_token'], 'nonsense']) {
    const answer = await fetch(userinfoEndpoint, { headers: { authorization: `Bearer ${token}` } })
    assert.ok([401, 403].includes(answer.status), String(answer.status))
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer /)
  }
  assert.equal((await fetch(userinfoEndpoint)).status, 401)
})

test('uninstalling ends the tokens of that installation only, not those of the other mode or account', async () => {
  const person = await world.person()
  const neighbour = await world.person()
  const live = await world.install(person, app)
  const test = await world.install(person, app, { extra: { mode: 'test' } })
  const theirs = await world.install(neighbour, app)
  const page = await person.browser.get(`/apps/${live.id}/uninstall`)
  const done = await person.browser.submit(page.form('uninstall'), { keys: 'keep' })
  assert.equal(done.status, 303)
  assert.deepEqual(await introspect(world, app, live.tokens.access_token), { active: false })
  assert.deepEqual(await introspect(world, app, live.tokens.refresh_token), { active: false })
  const refused = await post(tokenEndpoint, refresh(live.tokens.refresh_token), basic(app))
  assert.deepEqual([refused.status, refused.body['error']], [400, 'invalid_grant'])
  for (const { tokens } of [test, theirs]) {
    assert.equal((await introspect(world, app, tokens.access_token))['active'], true)
    assert.equal((await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))).status, 200)
  }
})

test('a code that was not exchanged before the uninstall is refused after it', async () => {
  const person = await world.person()
  const code = await codeFor(person, app)
  const [row] = await world.deps.database.read(tx => tx('installations').where({ account_id: person.accountId }))
  const page = await person.browser.get(`/apps/${row?.id}/uninstall`)
  await person.browser.submit(page.form('uninstall'), { keys: 'expire' })
  const answer = await post(tokenEndpoint, exchange(code), basic(app))
  assert.deepEqual([answer.status, answer.body['error']], [400, 'invalid_grant'])
})

test('a reinstall gets its own tokens, and the old ones stay revoked', async () => {
  const person = await world.person()
  const first = await world.install(person, app)
  const page = await person.browser.get(`/apps/${first.id}/uninstall`)
  await person.browser.submit(page.form('uninstall'), { keys: 'expire' })
  const second = await world.install(person, app)
  assert.notEqual(second.id, first.id)
  assert.equal(second.generation, 2)
  assert.deepEqual(await introspect(world, app, first.tokens.access_token), { active: false })
  const [detail] = (await introspect(world, app, second.tokens.access_token))['authorization_details'] as object[]
  assert.deepEqual(detail, (second.tokens['authorization_details'] as object[])[0])
})
