import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import * as oauth from 'openid-client'
import { eventually } from '../support/eventually.ts'
import { createWorld, type Installed, type Person, type PublishedApp, type World } from '../support/world.ts'

type Json = Record<string, unknown>
type Answer = { status: number; body: Json; headers: Headers }

describe('/v1 for platforms', () => {
  let world: World
  let app: PublishedApp
  let person: Person
  let installed: Installed
  let token: string

  before(async () => {
    world = await createWorld()
    app = await world.app()
    person = await world.person()
    installed = await world.install(person, app)
    await app.receiver.waitFor('managed_key.created')
    token = (await oauth.clientCredentialsGrant(app.client)).access_token
  })
  after(() => world[Symbol.asyncDispose]())

  async function call(
    method: string,
    path: string,
    options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const answer = await fetch(world.url + path, {
      method,
      headers: {
        authorization: `Bearer ${options.token ?? token}`,
        'content-type': 'application/json',
        ...options.headers,
      },
      ...(method === 'POST' && { body: JSON.stringify(options.body ?? {}) }),
    })
    return { status: answer.status, body: (await answer.json()) as Json, headers: answer.headers }
  }
  const listed = async (path: string, options = {}) => ((await call('GET', path, options)).body['data'] as Json[]) ?? []

  test('a client-credentials token sees every installation of the app, an install token its own only', async () => {
    const second = await world.install(await world.person(), app)
    assert.deepEqual(
      (await listed('/v1/installations')).map(item => item['id']),
      [second.id, installed.id],
    )
    const own = { token: installed.tokens.access_token }
    assert.deepEqual(
      (await listed('/v1/installations', own)).map(item => item['id']),
      [installed.id],
    )
    assert.equal((await call('GET', `/v1/installations/${installed.id}`, own)).body['status'], 'active')
    assert.equal((await call('GET', `/v1/installations/${second.id}`, own)).status, 404)
  })

  test('404: another app’s installation, key and delivery respond like unknown ids', async () => {
    const other = await world.app()
    const stranger = { token: (await oauth.clientCredentialsGrant(other.client)).access_token }
    const [key] = await listed(`/v1/installations/${installed.id}/keys`)
    const [delivery] = await listed('/v1/deliveries')
    for (const [method, path] of [
      ['GET', `/v1/installations/${installed.id}`],
      ['GET', `/v1/installations/${installed.id}/keys`],
      ['POST', `/v1/installations/${installed.id}/keys`],
      ['POST', `/v1/installations/${installed.id}/uninstall`],
      ['POST', `/v1/keys/${key?.['id']}/rotate`],
      ['POST', `/v1/keys/${key?.['id']}/expire`],
      ['POST', `/v1/deliveries/${delivery?.['id']}/redeliver`],
    ] as const) {
      const answer = await call(method, path, { ...stranger, body: path.endsWith('/keys') ? { name: 'x' } : {} })
      assert.equal(answer.status, 404, `${method} ${path}`)
      assert.equal(answer.body['code'], 'not_found')
    }
  })

  test('mint: one more key, sealed in the response and delivered, with a subset of the granted permissions', async () => {
    const answer = await call('POST', `/v1/installations/${installed.id}/keys`, {
      body: { name: 'worker', permissions: ['charges:read'], note: 'nightly' },
    })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    const expected = { appId: app.id, installationId: installed.id, keyId: String(answer.body['id']) }
    const { key } = await app.receiver.open(answer.body['encrypted_secret'] as never, expected)
    assert.equal((await world.verify(key, { permission: 'charges:read' }))['valid'], true)
    assert.equal((await world.verify(key, { permission: 'charges:write' }))['code'], 'insufficient_permissions')
    const event = await app.receiver.waitFor('managed_key.created', 3)
    assert.equal(event.key, key)
    const refused = await call('POST', `/v1/installations/${installed.id}/keys`, {
      body: { name: 'more', permissions: ['payouts:write'] },
    })
    assert.deepEqual([refused.status, refused.body['code']], [403, 'permission_not_granted'])
  })

  test('mint: a narrowed token mints no more than its own permissions', async () => {
    const narrow = await world.install(person, app, { scope: 'charges:read', fields: { decision: 'continue' } })
    const own = { token: narrow.tokens.access_token }
    assert.deepEqual(narrow.permissions, ['charges:read'])
    const path = `/v1/installations/${installed.id}/keys`
    const refused = await call('POST', path, { ...own, body: { name: 'more', permissions: ['charges:write'] } })
    assert.deepEqual([refused.status, refused.body['code']], [403, 'permission_not_granted'])
    const minted = await call('POST', path, { ...own, body: { name: 'all of it' } })
    assert.deepEqual(minted.body['permissions'], ['charges:read'])
    const whole = await call('POST', path, { token: installed.tokens.access_token, body: { name: 'whole' } })
    assert.equal((whole.body['permissions'] as string[]).length, 3)
  })

  test('an invalid cursor and a body that is not an object are refused without effect', async () => {
    const { id } = installed
    for (const path of [
      '/v1/installations?cursor=zzz',
      `/v1/installations/${id}/keys?cursor=ins_00000000000000000000000000`,
      '/v1/deliveries?cursor=aaa',
      '/v1/events?after=zzz',
      '/v1/events?cursor=zzz',
      `/v1/events?after=evt_${'0'.repeat(26)}&cursor=evt_${'0'.repeat(26)}`,
    ]) {
      const { status, body } = await call('GET', path)
      assert.deepEqual([status, body['code']], [400, 'invalid_request'], path)
      const [{ field } = {}] = body['errors'] as { field?: string }[]
      assert.equal(field, path.includes('cursor') ? 'cursor' : 'after')
    }
    const odd = await call('POST', `/v1/installations/${id}/uninstall`, { body: [1] })
    assert.deepEqual([odd.status, odd.body['code']], [400, 'invalid_request'])
    assert.equal((await call('GET', `/v1/installations/${id}`)).body['status'], 'active')
    const unknown = await call('POST', `/v1/installations/${id}/keys`, { body: { label: 'x' } })
    assert.deepEqual(unknown.body['errors'], [
      { field: 'name', message: 'must be a text' },
      { field: 'label', message: 'is not known' },
    ])
  })

  test('401 offers Bearer and DPoP, with the error of the one that was used (RFC 6750 §3, RFC 9449 §7.1)', async () => {
    const challenge = async (path: string, headers: Record<string, string> = {}) => {
      const answer = await fetch(world.url + path, { headers })
      assert.equal(answer.status, 401)
      return answer.headers.get('www-authenticate')
    }
    const algs = 'algs="ES256 Ed25519 EdDSA"'
    assert.equal(await challenge('/v1/installations'), `Bearer realm="latchkey", DPoP realm="latchkey", ${algs}`)
    assert.equal(
      await challenge('/v1/installations', { authorization: 'Bearer nonsense' }),
      `Bearer realm="latchkey", error="invalid_token", DPoP realm="latchkey", ${algs}`,
    )
    const dpop = await challenge('/v1/installations', { authorization: 'DPoP nonsense', dpop: 'a.b.c' })
    assert.equal(dpop, `DPoP realm="latchkey", error="invalid_token", ${algs}, Bearer realm="latchkey"`)
    assert.equal(await challenge('/v1/keys/self'), 'Bearer realm="latchkey"', 'it is bound to no key')
  })

  test('rotate: the new key arrives, the old one works until the overlap ends; a second rotation is refused unless forced', async () => {
    const minted = await call('POST', `/v1/installations/${installed.id}/keys`, { body: { name: 'rotated' } })
    const id = String(minted.body['id'])
    const old = await app.receiver.open(minted.body['encrypted_secret'] as never, {
      appId: app.id,
      installationId: installed.id,
      keyId: id,
    })
    const rotated = await call('POST', `/v1/keys/${id}/rotate`, { body: { overlap_seconds: 3_600 } })
    assert.equal(rotated.status, 201, JSON.stringify(rotated.body))
    assert.equal(rotated.body['replaces'], id)
    const event = await app.receiver.waitFor('managed_key.rotated')
    assert.equal(event.body.data.replaced?.id, id)
    assert.equal((await world.verify(old.key))['valid'], true)
    await eventually(async () => {
      const keys = await listed(`/v1/installations/${installed.id}/keys?limit=100`) // once the acknowledgement is recorded
      return keys.find(key => key['id'] === id)?.['status'] === 'expiring'
    })
    const again = await call('POST', `/v1/keys/${id}/rotate`, { body: {} })
    assert.deepEqual([again.status, again.body['code']], [409, 'rotation_in_progress'])
    assert.equal(
      (await call('POST', `/v1/keys/${id}/rotate`, { body: { force: true, overlap_seconds: 0 } })).status,
      201,
    )
    assert.equal((await world.verify(old.key))['code'], 'expired')
  })

  test('Idempotency-Key: the same response with the same ciphertext, and nothing done twice; another body is refused', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const path = `/v1/installations/${installed.id}/keys`
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => call('POST', path, { body: { name: 'once' }, headers })),
    )
    assert.deepEqual(
      answers.map(answer => answer.status),
      [201, 201, 201, 201],
    )
    assert.equal(new Set(answers.map(answer => JSON.stringify(answer.body))).size, 1)
    const keys = await listed(`${path}?limit=100`)
    assert.equal(keys.filter(key => key['name'] === 'once').length, 1)
    const reused = await call('POST', path, { body: { name: 'twice' }, headers })
    assert.deepEqual([reused.status, reused.body['code']], [422, 'idempotency_key_reused'])
  })

  test('invalid input names its field, in problem+json', async () => {
    for (const [path, body, field] of [
      [`/v1/installations/${installed.id}/keys`, {}, 'name'],
      [`/v1/installations/${installed.id}/keys`, { name: 'x', permissions: [] }, 'permissions'],
      [`/v1/installations/${installed.id}/keys`, { name: 'x', expires_at: 'soon' }, 'expires_at'],
      [`/v1/installations/${installed.id}/keys`, { name: 'x', expires_at: '2001-01-01T00:00:00Z' }, 'expires_at'],
    ] as const) {
      const answer = await call('POST', path, { body })
      assert.equal(answer.status, 400, JSON.stringify(body))
      assert.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8')
      assert.equal(answer.body['code'], 'invalid_request')
      assert.deepEqual(
        (answer.body['errors'] as Json[]).map(fault => fault['field']),
        [field],
      )
    }
    assert.equal((await call('GET', '/v1/installations?limit=0')).status, 400)
    assert.equal((await call('GET', '/v1/installations', { token: 'nonsense' })).status, 401)
  })

  test('events in order with a cursor, with the bytes that were delivered; deliveries with their attempts', async () => {
    const follow = async (name: 'after' | 'cursor') => {
      const found: Json[] = []
      for (let more: unknown = ''; more !== null; ) {
        const { body } = await call('GET', `/v1/events?limit=2${more === '' ? '' : `&${name}=${more}`}`)
        found.push(...(body['data'] as Json[]))
        more = body['next_cursor']
      }
      return found
    }
    const seen = await follow('after')
    assert.deepEqual(await follow('cursor'), seen)
    const sent = app.receiver.events.find(event => event.id === seen[0]?.['id'])
    assert.equal(sent?.type, 'installation.created')
    assert.deepEqual(seen[0]?.['data'], sent?.body.data)
    assert.equal(new Set(seen.map(event => event['id'])).size, seen.length)
    const [delivery] = (await listed('/v1/deliveries?limit=100')).filter(item => item['event_id'] === sent?.id)
    assert.equal(delivery?.['status'], 'delivered')
    const [attempt] = (delivery?.['attempts'] ?? []) as Json[]
    assert.equal(attempt?.['status'], 204)
  })

  test('redeliver: the identical ciphertext; refused once the platform’s key has changed', async () => {
    const event = await app.receiver.waitFor('managed_key.created')
    const find = async () => (await listed('/v1/deliveries?limit=100')).find(item => item['event_id'] === event.id)
    const delivery = await find()
    assert.equal((await call('POST', `/v1/deliveries/${delivery?.['id']}/redeliver`)).status, 200)
    await app.receiver.waitForAttempt(app.receiver.attempts.length + 1)
    const copies = app.receiver.events.filter(candidate => candidate.id === event.id)
    assert.equal(copies.length, 2)
    assert.equal(copies[1]?.raw, event.raw)

    const other = await world.app({ metadata: {} })
    await world.install(await world.person(), other)
    const first = await other.receiver.waitFor('managed_key.created')
    const credentials = { token: (await oauth.clientCredentialsGrant(other.client)).access_token }
    const [sealed] = (await listed('/v1/deliveries?limit=100', credentials)).filter(
      item => item['event_id'] === first.id,
    )
    await other.receiver.rotateEncryptionKey()
    const apps = world.deps.database.knex('apps').where({ id: other.id })
    const { client } = (await apps.clone().first('client')) as { client: string }
    await apps.update({ client: JSON.stringify({ ...JSON.parse(client), jwks: other.receiver.publicJwks() }) })
    const refused = await call('POST', `/v1/deliveries/${sealed?.['id']}/redeliver`, credentials)
    assert.deepEqual([refused.status, refused.body['code']], [409, 'recipient_key_changed'])
  })

  test('the webhook secret is rotated: both sign for a day, then the new one only', async () => {
    const other = await world.app()
    const credentials = { token: (await oauth.clientCredentialsGrant(other.client)).access_token }
    const { body } = await call('POST', '/v1/webhook-secret/rotate', credentials)
    assert.match(String(body['webhook_secret']), /^whsec_/)
    await world.install(await world.person(), other)
    const event = await other.receiver.waitFor('managed_key.created') // verified with the old secret
    assert.deepEqual(event.faults, [])
    assert.equal(String(event.headers['webhook-signature']).split(' ').length, 2)
  })

  test('uninstall by the platform: its keys expire and its tokens end; the account sees it', async () => {
    const somebody = await world.person()
    const short = await world.install(somebody, app)
    const own = { token: short.tokens.access_token }
    const answer = await call('POST', `/v1/installations/${short.id}/uninstall`, own)
    assert.deepEqual([answer.status, answer.body['status']], [200, 'uninstalled'])
    assert.equal((await call('GET', `/v1/installations/${short.id}`, own)).status, 401)
    const page = await somebody.browser.get('/activity')
    assert.match(page.text, /installation\.uninstalled/)
  })

  test('keys/self responds to any working key', async () => {
    const { key } = await app.receiver.waitFor('managed_key.created')
    const self = await call('GET', '/v1/keys/self', { token: key ?? '' })
    assert.equal(self.status, 200)
    assert.equal(self.body['name'], 'default')
    assert.equal((await call('GET', '/v1/keys/self')).status, 401)
  })

  test('a DPoP-bound token is refused without its proof, and with the proof of another request', async () => {
    const handle = oauth.getDPoPHandle(app.client, await oauth.randomDPoPKeyPair())
    const bound = await oauth.clientCredentialsGrant(app.client, {}, { DPoP: handle })
    assert.equal(bound.token_type.toLowerCase(), 'dpop')
    assert.equal((await call('GET', '/v1/installations', { token: bound.access_token })).status, 401)
    const url = new URL('/v1/installations', world.url)
    const proven = await oauth.fetchProtectedResource(app.client, bound.access_token, url, 'GET', null, undefined, {
      DPoP: handle,
    })
    assert.equal(proven.status, 200)
    const headers = { authorization: `DPoP ${bound.access_token}`, dpop: 'a.b.c' }
    assert.equal((await call('GET', '/v1/installations', { headers })).status, 401)
  })
})
