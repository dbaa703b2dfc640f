import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { SignJWT } from 'jose'
import { createWorld } from '../support/world.ts'
import { basic, codeFor, exchange, introspect, post, refresh, secondsLater } from './flow.ts'
import { ASSERTION_TYPE, assertion } from './proofs.ts'

const world = await createWorld()
after(() => world[Symbol.asyncDispose]())
const tokenEndpoint = `${world.url}/oauth/token`
const app = await world.app()
const posting = await world.app({ metadata: { token_endpoint_auth_method: 'client_secret_post' } })
const signed = await world.app({ metadata: { token_endpoint_auth_method: 'private_key_jwt' } })
const CREDENTIALS = { grant_type: 'client_credentials' }

test('client_secret_basic is accepted', async () => {
  assert.equal((await post(tokenEndpoint, CREDENTIALS, basic(app))).status, 200)
})

test('client_secret_post is accepted', async () => {
  const secret = { client_id: posting.id, client_secret: posting.registered.client_secret }
  assert.equal((await post(tokenEndpoint, { ...CREDENTIALS, ...secret })).status, 200)
})

test('a wrong, empty or missing secret is 401 invalid_client, with a challenge if Basic was used', async () => {
  for (const secret of ['wrong', '', posting.registered.client_secret]) {
    const answer = await post(tokenEndpoint, CREDENTIALS, basic(app, secret))
    assert.ok([400, 401].includes(answer.status))
    if (secret === '') continue // RFC 6749 §5.2: a malformed header is invalid_request
    assert.deepEqual([answer.status, answer.body['error']], [401, 'invalid_client'])
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic /)
  }
  const posted = await post(tokenEndpoint, { ...CREDENTIALS, client_id: posting.id, client_secret: 'wrong' })
  assert.deepEqual([posted.status, posted.body['error']], [401, 'invalid_client'])
  const none = await post(tokenEndpoint, { ...CREDENTIALS, client_id: app.id })
  assert.deepEqual([none.status, none.body['error']], [401, 'invalid_client'])
})

test('an unknown client gets the same response as a wrong secret', async () => {
  const wrong = await post(tokenEndpoint, CREDENTIALS, basic(app, 'wrong'))
  const unknown = await post(tokenEndpoint, CREDENTIALS, basic({ ...app, id: `app_${'0'.repeat(26)}` }, 'wrong'))
  assert.deepEqual([unknown.status, unknown.body], [wrong.status, wrong.body])
})

test('a client with a key needs no secret and has none; a client with a secret cannot use a key instead', async () => {
  assert.equal(signed.registered.client_secret, undefined)
  for (const secret of ['', 'undefined', 'null']) {
    const answer = await post(tokenEndpoint, { ...CREDENTIALS, client_id: signed.id, client_secret: secret })
    assert.deepEqual([answer.status, answer.body['error']], [401, 'invalid_client'])
  }
  const proof = await assertion(app.id, app.receiver, world.url)
  const answer = await post(tokenEndpoint, { ...CREDENTIALS, ...proof })
  assert.deepEqual([answer.status, answer.body['error']], [401, 'invalid_client'])
})

test('private_key_jwt is accepted for the issuer and the endpoint as audience', async () => {
  for (const audience of [world.url, tokenEndpoint]) {
    const proof = await assertion(signed.id, signed.receiver, audience)
    assert.equal((await post(tokenEndpoint, { ...CREDENTIALS, ...proof })).status, 200, audience)
  }
})

test('private_key_jwt tolerates clock differences below 60 seconds, and no more', async () => {
  const cases: [Parameters<typeof assertion>[3], number][] = [
    [{ issued: -110, expires: -50 }, 200],
    [{ issued: 50, notBefore: 50, expires: 110 }, 200],
    [{ issued: -130, expires: -70 }, 401],
    [{ issued: 0, notBefore: 70, expires: 130 }, 401],
  ]
  for (const [claims, status] of cases) {
    const proof = await assertion(signed.id, signed.receiver, world.url, claims)
    const answer = await post(tokenEndpoint, { ...CREDENTIALS, ...proof })
    assert.equal(answer.status, status, JSON.stringify(claims))
    if (status === 401) assert.equal(answer.body['error'], 'invalid_client')
  }
})

test('private_key_jwt with another key, audience or subject is refused', async () => {
  const proofs = [
    await assertion(signed.id, app.receiver, world.url),
    await assertion(signed.id, signed.receiver, 'https://elsewhere.example'),
  ]
  for (const proof of proofs) {
    const answer = await post(tokenEndpoint, { ...CREDENTIALS, ...proof })
    assert.deepEqual([answer.status, answer.body['error']], [401, 'invalid_client'])
  }
  const subject = await assertion(signed.id, signed.receiver, world.url, { subject: app.id })
  const answer = await post(tokenEndpoint, { ...CREDENTIALS, ...subject })
  assert.ok([400, 401].includes(answer.status))
  assert.equal(answer.body['access_token'], undefined)
})

test('an assertion without a signature, or with the public key as HMAC secret, is 401', async () => {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const now = Math.floor(Date.now() / 1_000)
  const claims = { iss: signed.id, sub: signed.id, aud: world.url, jti: 'unsigned', iat: now, exp: now + 60 }
  const unsigned = `${encode({ alg: 'none' })}.${encode(claims)}.`
  const [jwk] = signed.receiver.publicJwks().keys
  const mac = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(JSON.stringify(jwk).padEnd(64)))
  for (const text of [unsigned, mac, 'nonsense', '']) {
    const proof = { client_id: signed.id, client_assertion_type: ASSERTION_TYPE, client_assertion: text }
    const answer = await post(tokenEndpoint, { ...CREDENTIALS, ...proof })
    assert.ok([400, 401].includes(answer.status), text)
    assert.equal(answer.body['access_token'], undefined)
  }
})

test('private_key_jwt with keys at jwks_uri is accepted, also after the platform rotated its keys', async () => {
  const receiver = await world.receiver()
  const platform = await world.platform()
  const { status, body } = await world.register(platform, receiver, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: undefined,
    jwks_uri: receiver.jwksUrl,
  })
  assert.equal(status, 201, JSON.stringify(body))
  const use = async () =>
    post(tokenEndpoint, { ...CREDENTIALS, ...(await assertion(body.client_id, receiver, world.url)) })
  assert.equal((await use()).status, 200)
  await receiver.rotateEncryptionKey()
  assert.equal((await use()).status, 200)
})

test('client_credentials returns an access token without a person', async () => {
  const { status, body } = await post(tokenEndpoint, CREDENTIALS, basic(app))
  assert.equal(status, 200)
  assert.equal(body['token_type'], 'Bearer')
  assert.equal(typeof body['access_token'], 'string')
  assert.equal(body['expires_in'], 3_600)
  for (const member of ['refresh_token', 'id_token', 'authorization_details'])
    assert.equal(body[member], undefined, member)
  const seen = await introspect(world, app, body['access_token'])
  assert.deepEqual([seen['active'], seen['client_id'], seen['sub']], [true, app.id, undefined])
})

test('an app cannot use a grant type that it did not register', async () => {
  const narrow = await world.app({ metadata: { grant_types: ['authorization_code'] } })
  const credentials = await post(tokenEndpoint, CREDENTIALS, basic(narrow))
  assert.deepEqual([credentials.status, credentials.body['error']], [400, 'unauthorized_client'])
  const { tokens } = await world.install(await world.person(), narrow)
  assert.equal(tokens.refresh_token, undefined)
})

test('refresh rotates the token and keeps authorization_details and scope', async () => {
  const { tokens } = await world.install(await world.person(), app, { scope: 'charges:read' })
  let token: unknown = tokens.refresh_token
  for (let round = 0; round < 3; round += 1) {
    const { status, body } = await post(tokenEndpoint, refresh(token), basic(app))
    assert.equal(status, 200)
    assert.deepEqual(body['authorization_details'], tokens['authorization_details'])
    assert.equal(body['scope'], 'charges:read')
    assert.notEqual(body['refresh_token'], token)
    token = body['refresh_token']
  }
})

test('refresh keeps authorization_details of a request that used them', async () => {
  const details = JSON.stringify([{ type: 'installation', permissions: ['charges:read'] }])
  const { tokens } = await world.install(await world.person(), app, { extra: { authorization_details: details } })
  const { body } = await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))
  assert.deepEqual(body['authorization_details'], tokens['authorization_details'])
})

test('refresh may request less, and never more', async () => {
  const { tokens } = await world.install(await world.person(), app, { scope: 'charges:read customers:read' })
  const more = await post(tokenEndpoint, { ...refresh(tokens.refresh_token), scope: 'charges:write' }, basic(app))
  assert.deepEqual([more.status, more.body['error']], [400, 'invalid_scope'])
  const less = await post(tokenEndpoint, { ...refresh(tokens.refresh_token), scope: 'charges:read' }, basic(app))
  assert.deepEqual([less.status, less.body['scope']], [200, 'charges:read'])
})

test('a refresh token is refused for another client', async () => {
  const { tokens } = await world.install(await world.person(), app)
  const other = await world.app()
  const stolen = await post(tokenEndpoint, refresh(tokens.refresh_token), basic(other))
  assert.deepEqual([stolen.status, stolen.body['error']], [400, 'invalid_grant'])
  assert.equal((await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))).status, 200)
})

test('refresh works after the person signed out', async () => {
  const person = await world.person()
  const { tokens } = await world.install(person, app)
  const left = await person.browser.post('/signout')
  assert.equal(left.status, 303)
  assert.equal(person.browser.cookie('latchkey') ?? '', '')
  const { status, body } = await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))
  assert.equal(status, 200)
  assert.equal((await introspect(world, app, body['access_token']))['active'], true)
})

test('refresh works months after the session has expired', async t => {
  const { tokens } = await world.install(await world.person(), app)
  await secondsLater(t, 180 * 86_400, async () => {
    const { status, body } = await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))
    assert.equal(status, 200)
    assert.equal((await introspect(world, app, body['access_token']))['active'], true)
  })
})

test('an access token expires after an hour', async t => {
  const { tokens } = await world.install(await world.person(), app)
  assert.equal(tokens.expires_in, 3_600)
  const active = await secondsLater(t, 3_570, () => introspect(world, app, tokens.access_token))
  assert.equal(active['active'], true)
  const late = await secondsLater(t, 3_601, () => introspect(world, app, tokens.access_token))
  assert.deepEqual(late, { active: false })
})

test('a grant outlives the member who made it', async () => {
  const person = await world.person()
  const { tokens } = await world.install(person, app)
  await world.deps.database.transaction(async tx => {
    await tx('memberships').where({ user_id: person.userId }).delete()
  })
  assert.equal((await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))).status, 200)
})

test('a code of an app that was retired in the meantime is refused', async () => {
  const doomed = await world.app()
  const code = await codeFor(await world.person(), doomed)
  await fetch(String(doomed.registered['registration_client_uri']), {
    method: 'DELETE',
    headers: { authorization: `Bearer ${doomed.registered['registration_access_token']}` },
  })
  const answer = await post(tokenEndpoint, exchange(code), basic(doomed))
  assert.deepEqual([answer.status, answer.body['error']], [401, 'invalid_client'])
})
