import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compactDecrypt, decodeProtectedHeader, exportJWK, generateKeyPair, type JWK, jwtVerify } from 'jose'
import { Webhook } from 'standardwebhooks'
import { rowsOf, uninstall } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const MANIFEST = ['charges:read', 'charges:write', 'customers:read']

test('managed_key.created has exactly the documented body and headers', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  await world.deliver()
  const [key] = await rowsOf(world, 'keys')
  const { body, headers, raw, id } = await app.receiver.waitFor('managed_key.created')
  const { encrypted_secret: sealed } = body.data
  assert.match(body.timestamp, ISO)
  assert.deepEqual(body, {
    type: 'managed_key.created',
    timestamp: body.timestamp,
    data: {
      installation: {
        id: installed.id,
        generation: 1,
        account_id: person.accountId,
        account_name: 'Harbor Books',
        app_id: app.id,
        mode: 'live',
      },
      sequence: 2,
      key: {
        id: key?.['id'],
        name: 'default',
        redacted: key?.['redacted'],
        permissions: MANIFEST,
        created_at: new Date(Number(key?.['created_at'])).toISOString(),
        expires_at: null,
        replaces: null,
      },
      encrypted_secret: {
        format: 'jwe_compact',
        recipient_key_id: app.receiver.publicJwks().keys[0]?.kid,
        ciphertext: sealed?.ciphertext,
      },
    },
  })
  assert.match(String(key?.['redacted']), /^lkm_live_…[0-9A-Za-z]{4}$/)
  assert.equal(headers['content-type'], 'application/json')
  assert.match(id, /^evt_[0-9a-z]{26}$/)
  assert.match(String(headers['webhook-timestamp']), /^\d{10}$/)
  assert.match(String(headers['webhook-signature']), /^v1,[A-Za-z0-9+/]{43}=$/)
  assert.doesNotThrow(() => new Webhook(app.registered.webhook_secret).verify(raw, headers as Record<string, string>))
  const [row] = await rowsOf(world, 'events', { id })
  assert.equal(row?.['body'], raw, 'the stored bytes are the sent bytes')
})

test('installation.created comes first, with the granted permissions and no key', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const installed = await world.install(await world.person(), app, { scope: 'charges:read' })
  await world.deliver()
  const [first, second] = app.receiver.events
  assert.deepEqual([first?.type, first?.body.data.sequence], ['installation.created', 1])
  assert.deepEqual(first?.body.data['permissions'], ['charges:read'])
  assert.equal(first?.body.data.installation?.id, installed.id)
  assert.equal(first?.body.data.encrypted_secret, undefined)
  assert.deepEqual([second?.type, second?.body.data.sequence], ['managed_key.created', 2])
})

test('the sealed key is a signed JWT in a JWE, with exactly the documented headers and claims', async () => {
  await using world = await createWorld({ worker: false })
  const platform = await world.platform()
  const receiver = await world.receiver()
  const pair = await generateKeyPair('RSA-OAEP-256', { extractable: true })
  const jwk: JWK = { ...(await exportJWK(pair.publicKey)), kid: 'sealed-for-this', use: 'enc', alg: 'RSA-OAEP-256' }
  const { body: app } = await world.register(platform, receiver, { jwks: { keys: [jwk] } })
  receiver.secret = app.webhook_secret
  const { browser } = platform.person
  const [draft] = await rowsOf(world, 'apps')
  const page = await browser.get(`/interaction/install/${draft?.['slug']}`)
  await browser.submit(page.form('/interaction/'), { decision: 'install' })
  await world.deliver()
  const event = receiver.attempts.find(attempt => attempt.event?.type === 'managed_key.created')?.event
  const { ciphertext = '' } = event?.body.data.encrypted_secret ?? {}
  assert.equal(event?.body.data.encrypted_secret?.recipient_key_id, 'sealed-for-this')
  assert.deepEqual(decodeProtectedHeader(ciphertext), {
    alg: 'RSA-OAEP-256',
    enc: 'A256GCM',
    cty: 'JWT',
    kid: 'sealed-for-this',
  })
  const { plaintext } = await compactDecrypt(ciphertext, pair.privateKey)
  const jwt = new TextDecoder().decode(plaintext)
  const jwks = (await (await fetch(`${world.url}/oauth/jwks`)).json()) as { keys: JWK[] }
  const { payload, protectedHeader } = await jwtVerify(jwt, jwks.keys[0] as JWK)
  assert.deepEqual(protectedHeader, { alg: 'ES256', typ: 'managed-key+jwt', kid: jwks.keys[0]?.kid })
  const { iat, key, ...claims } = payload
  assert.deepEqual(claims, {
    iss: world.url,
    aud: app.client_id,
    sub: event?.body.data.installation?.id,
    jti: event?.body.data.key?.id,
  })
  assert.equal(iat, Math.floor(Date.parse(String(event?.body.timestamp)) / 1_000))
  assert.match(String(key), /^lkm_test_[0-9A-Za-z]{38}$/)
})

for (const [encryption, alg] of [
  ['RSA-OAEP-256', 'RSA-OAEP-256'],
  ['ECDH-ES+A256KW', 'ECDH-ES+A256KW'],
  ['X25519', 'ECDH-ES+A256KW'],
] as const) {
  test(`a key sealed for a platform with ${encryption} opens with its private key and no other`, async () => {
    await using world = await createWorld({ worker: false })
    const app = await world.app({ encryption })
    await world.install(await world.person(), app)
    await world.deliver()
    const { key, faults, body } = await app.receiver.waitFor('managed_key.created')
    assert.deepEqual(faults, [])
    assert.equal((await world.verify(key ?? ''))['valid'], true)
    const { ciphertext = '' } = body.data.encrypted_secret ?? {}
    assert.equal(decodeProtectedHeader(ciphertext).alg, alg)
    const other = await generateKeyPair(alg, encryption === 'X25519' ? { crv: 'X25519' } : {})
    await assert.rejects(compactDecrypt(ciphertext, other.privateKey))
  })
}

test('several managed keys arrive one by one, each with its own permissions and plaintext', async () => {
  await using world = await createWorld({ worker: false })
  const managed_keys = [{ name: 'checkout', permissions: ['charges:write'] }, { name: 'reports' }]
  const app = await world.app({ metadata: { managed_keys } })
  await world.install(await world.person(), app)
  await world.deliver()
  const events = app.receiver.events.filter(({ type }) => type === 'managed_key.created')
  assert.deepEqual(
    events.map(({ body }) => [body.data.sequence, body.data.key?.name, body.data.key?.permissions]),
    [
      [2, 'checkout', ['charges:write']],
      [3, 'reports', MANIFEST],
    ],
  )
  assert.equal(new Set(events.map(({ key }) => key)).size, 2)
  const denied = await world.verify(events[0]?.key ?? '', { permission: 'charges:read' })
  assert.deepEqual(denied, { valid: false, code: 'insufficient_permissions' })
})

test('a key whose permissions were not requested is not minted', async () => {
  await using world = await createWorld({ worker: false })
  const managed_keys = [{ name: 'checkout', permissions: ['charges:write'] }, { name: 'reports' }]
  const app = await world.app({ metadata: { managed_keys } })
  await world.install(await world.person(), app, { scope: 'charges:read' })
  await world.deliver()
  const keys = await rowsOf(world, 'keys')
  assert.deepEqual(
    keys.map(key => [key['name'], JSON.parse(String(key['permissions']))]),
    [['reports', ['charges:read']]],
  )
})

test('events of one installation arrive in the order of their sequence, also after failures', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ metadata: { managed_keys: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] } })
  const person = await world.person()
  app.receiver.behave('ok', { status: 500 }, 'drop', 'ok', { status: 500 })
  const { id } = await world.install(person, app)
  for (let round = 0; round < 4; round += 1) {
    await world.deliver()
    world.clock.advance(400_000)
  }
  await uninstall(person, id)
  await world.deliver()
  assert.deepEqual(
    app.receiver.events.map(({ body }) => body.data.sequence),
    [1, 2, 3, 4, 5],
  )
  const attempted = app.receiver.attempts.map(({ event }) => event?.body.data.sequence ?? 0)
  assert.deepEqual(attempted, attempted.toSorted(), 'none was attempted before an earlier one was settled')
})
