import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import * as oauth from 'openid-client'
import { moveApp } from '../../apps-registry/move-app.ts'
import { createWorld, type Installed, type Person, type PublishedApp, type World } from '../support/world.ts'

type Json = Record<string, unknown>

describe('Idempotency-Key', () => {
  let world: World
  let app: PublishedApp
  let person: Person
  let installed: Installed
  let other: Installed
  let token: string

  before(async () => {
    world = await createWorld({ worker: false })
    app = await world.app()
    person = await world.person()
    installed = await world.install(person, app)
    other = await world.install(await world.person(), app)
    await world.deliver()
    token = (await oauth.clientCredentialsGrant(app.client)).access_token
  })
  after(() => world[Symbol.asyncDispose]())

  async function post(path: string, body: string | object, key: string | undefined, as = token) {
    const answer = await fetch(world.url + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${as}`,
        'content-type': 'application/json',
        ...(key && { 'idempotency-key': key }),
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return { status: answer.status, body: (await answer.json()) as Json }
  }
  const keysPath = () => `/v1/installations/${installed.id}/keys`
  const countKeys = async () => (await world.deps.database.knex('keys')).length

  test('the first response, although its `expires_at` has passed', async () => {
    const key = randomUUID()
    const body = { name: 'short', expires_at: new Date(world.clock.now() + 60_000).toISOString() }
    const first = await post(keysPath(), body, key)
    assert.equal(first.status, 201)
    world.clock.advance(61_000)
    assert.deepEqual(await post(keysPath(), body, key), first)
    assert.equal((await post(keysPath(), body, randomUUID())).status, 400)
  })

  test('the first response, although the app has no recipient key any more', async () => {
    const key = randomUUID()
    const first = await post(keysPath(), { name: 'sealed' }, key)
    const apps = world.deps.database.knex('apps').where({ id: app.id })
    const { client } = (await apps.clone().first('client')) as { client: string }
    await apps.clone().update({ client: JSON.stringify({ ...JSON.parse(client), jwks: { keys: [] } }) })
    try {
      assert.deepEqual(await post(keysPath(), { name: 'sealed' }, key), first)
      assert.notEqual((await post(keysPath(), { name: 'sealed' }, randomUUID())).status, 201)
    } finally {
      await apps.update({ client })
    }
  })

  test('the same request, in any order of members and with any whitespace', async () => {
    const key = randomUUID()
    const first = await post(keysPath(), '{"name":"ordered","note":"n","permissions":["charges:read"]}', key)
    assert.equal(first.status, 201)
    const again = '{ "permissions" : ["charges:read"],\n "note":"n",\t"name":"ordered" }'
    assert.deepEqual(await post(keysPath(), again, key), first)
    for (const another of ['{"name":"ordered","note":"m","permissions":["charges:read"]}', '{"name":"ordered"}'])
      assert.equal((await post(keysPath(), another, key)).body['code'], 'idempotency_key_reused')
  })

  test('no body and an empty one are the same', async () => {
    const key = randomUUID()
    const path = `/v1/installations/${installed.id}/suspend`
    const first = await post(path, '', key)
    assert.equal(first.status, 200)
    assert.deepEqual(await post(path, '{}', key), first)
    await post(`/v1/installations/${installed.id}/resume`, {}, undefined)
  })

  test('percent-encoding in a path is the same request, and other spellings are unknown', async () => {
    const key = randomUUID()
    const first = await post(keysPath(), { name: 'spelled' }, key)
    assert.equal(first.status, 201)
    const encoded = installed.id.replace('_', '%5F').replace('ins', '%69ns')
    assert.deepEqual(await post(`/v1/installations/${encoded}/keys`, { name: 'spelled' }, key), first)
    const before = await countKeys()
    for (const path of [
      `${keysPath()}/`,
      `/V1/installations/${installed.id}/keys`,
      `/v1/Installations/${installed.id}/KEYS`,
      `//v1/installations/${installed.id}/keys`,
      `/v1//installations/${installed.id}/keys`,
      `/%761/installations/${installed.id}/keys`,
      `/v1/installations/${installed.id.toUpperCase()}/keys`,
    ]) {
      const answer = await fetch(world.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify({ name: 'spelled' }),
      })
      assert.ok(answer.status === 404 || answer.status === 403, `${path} ${answer.status}`)
    }
    assert.equal(await countKeys(), before)
  })

  test('404: a token of another installation of the same app gets nothing of the response', async () => {
    const minted = randomUUID()
    const { body } = await post(keysPath(), { name: 'own' }, minted)
    const rotated = randomUUID()
    const path = `/v1/keys/${body['id']}/rotate`
    assert.equal((await post(path, {}, rotated)).status, 201)
    const expired = randomUUID()
    assert.equal((await post(`/v1/keys/${body['id']}/expire`, {}, expired)).status, 200)
    const deliveries = await world.deps.database.knex('deliveries').where({ installation_id: installed.id })
    const delivery = deliveries.find(row => row.status === 'delivered')
    const redeliver = `/v1/deliveries/${delivery?.id}/redeliver`
    const redelivered = randomUUID()
    assert.equal((await post(redeliver, {}, redelivered)).status, 200)
    for (const [where, sent, key] of [
      [keysPath(), { name: 'own' }, minted],
      [path, {}, rotated],
      [`/v1/keys/${body['id']}/expire`, {}, expired],
      [redeliver, {}, redelivered],
    ] as const) {
      const answer = await post(where, sent, key, other.tokens.access_token)
      assert.deepEqual([answer.status, answer.body['code']], [404, 'not_found'], where)
      assert.ok((await post(where, sent, key, installed.tokens.access_token)).status < 300, where)
    }
  })

  test('403: a token with fewer permissions than the first one gets no key that can do more', async () => {
    const narrow = await world.install(person, app, { scope: 'charges:read', fields: { decision: 'continue' } })
    const key = randomUUID()
    const first = await post(keysPath(), { name: 'wide' }, key)
    const answer = await post(keysPath(), { name: 'wide' }, key, narrow.tokens.access_token)
    assert.deepEqual([answer.status, answer.body['code']], [403, 'permission_not_granted'])
    const small = randomUUID()
    const asked = { name: 'small', permissions: ['charges:read'] }
    const own = await post(keysPath(), asked, small)
    assert.deepEqual(await post(keysPath(), asked, small, narrow.tokens.access_token), own)
    const rotate = `/v1/keys/${first.body['id']}/rotate`
    const refused = await post(rotate, {}, undefined, narrow.tokens.access_token)
    assert.deepEqual([refused.status, refused.body['code']], [403, 'permission_not_granted'])
    assert.equal(
      (await post(`/v1/keys/${own.body['id']}/rotate`, {}, undefined, narrow.tokens.access_token)).status,
      201,
    )
    const events = await fetch(`${world.url}/v1/events?limit=100`, {
      headers: { authorization: `Bearer ${narrow.tokens.access_token}` },
    })
    const { data } = (await events.json()) as {
      data: { data: { key?: { name: string }; encrypted_secret?: unknown } }[]
    }
    const sealed = data.filter(event => event.data.encrypted_secret).map(event => event.data.key?.name)
    assert.deepEqual(
      [sealed.includes('small'), sealed.includes('wide'), sealed.includes('default')],
      [true, false, false],
    )
  })

  test('a client-credentials token with a scope is limited to it', async () => {
    const { access_token } = await oauth.clientCredentialsGrant(app.client, { scope: 'charges:read' })
    const asked = { name: 'more', permissions: ['charges:write'] }
    assert.equal((await post(keysPath(), asked, undefined, access_token)).body['code'], 'permission_not_granted')
    const minted = await post(keysPath(), { name: 'as granted' }, undefined, access_token)
    assert.deepEqual(minted.body['permissions'], ['charges:read'])
  })

  test('a token without any permission mints nothing', async () => {
    const { access_token } = await oauth.clientCredentialsGrant(app.client, { scope: 'openid' }).catch(() => ({
      access_token: '',
    }))
    const answer = await post(keysPath(), { name: 'nothing' }, undefined, access_token)
    assert.ok(access_token === '' ? answer.status === 401 : answer.body['code'] === 'permission_not_granted')
  })

  test('two simultaneous requests: one runs, both get the same response; a failed one leaves nothing behind', async () => {
    const before = await countKeys()
    const key = randomUUID()
    const send = () => post(keysPath(), { name: 'at once' }, key)
    const answers = await Promise.all([send(), send(), send()])
    assert.deepEqual(new Set(answers.map(answer => JSON.stringify(answer))).size, 1)
    assert.equal(await countKeys(), before + 1)
    const failed = randomUUID()
    assert.equal((await post(keysPath(), { name: 'x', permissions: ['payouts:write'] }, failed)).status, 403)
    assert.equal((await post(keysPath(), { name: 'x' }, failed)).status, 201)
  })

  test('a day later the Idempotency-Key is free again', async () => {
    const key = randomUUID()
    const first = await post(keysPath(), { name: 'daily' }, key)
    world.clock.advance(86_400_001)
    const second = await post(keysPath(), { name: 'daily' }, key)
    assert.notEqual(first.body['id'], second.body['id'])
  })

  test('a process that dies before it saves the response has committed nothing', async () => {
    const before = await countKeys()
    const { keyring } = world.deps
    const { encrypt } = keyring
    const key = randomUUID()
    keyring.encrypt = (purpose, ...rest) => {
      if (purpose === 'idempotent-answer') throw new Error('dies')
      return encrypt(purpose, ...rest)
    }
    assert.equal((await post(keysPath(), { name: 'cut' }, key)).status, 500)
    keyring.encrypt = encrypt
    assert.equal(await countKeys(), before)
    assert.equal((await post(keysPath(), { name: 'cut' }, key)).status, 201)
  })

  test('a suspended app does not get the key again, and gets its first response once it is resumed', async () => {
    const key = randomUUID()
    const first = await post(keysPath(), { name: 'before' }, key)
    const actor = { type: 'operator' as const, id: 'tests', ip: '' }
    const move = (verb: 'suspend' | 'resume') =>
      world.deps.database.transaction(tx => moveApp(tx, world.deps, { id: app.id, verb, actor }))
    await move('suspend')
    const shown = await fetch(`${world.url}/v1/installations/${installed.id}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const { status, suspended_by } = (await shown.json()) as Json
    assert.deepEqual([status, suspended_by], ['suspended', ['operator']])
    assert.equal((await post(keysPath(), { name: 'before' }, key)).body['code'], 'installation_not_active')
    await move('resume')
    assert.deepEqual(await post(keysPath(), { name: 'before' }, key), first)
  })
})
