import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { systemRandom } from '../../server/base/random.ts'
import { mintSecret } from '../../server/base/secret-format.ts'
import { createVerifier, revokeVerifier } from '../../server/keys/verifiers.ts'
import { eventually } from '../support/eventually.ts'
import { keyAt } from '../support/steps.ts'
import { createWorld, OPERATOR, type World } from '../support/world.ts'

describe('POST /v1/keys/verify', () => {
  let world: World
  let key: string
  before(async () => {
    world = await createWorld({ worker: false })
    const app = await world.app()
    await world.install(await world.person(), app)
    await world.deliver()
    key = keyAt(app)
  })
  after(() => world[Symbol.asyncDispose]())

  async function send(body: string | undefined, headers: Record<string, string> = {}, method = 'POST') {
    const answer = await fetch(`${world.url}/v1/keys/verify`, {
      method,
      headers: { authorization: `Bearer ${world.verifierKey}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body }),
    })
    return { status: answer.status, headers: answer.headers, body: JSON.parse(await answer.text()) }
  }

  for (const { name, body, field } of [
    { name: 'no body', body: undefined, field: 'key' },
    { name: 'an empty object', body: {}, field: 'key' },
    { name: 'a key that is a number', body: { key: 7 }, field: 'key' },
    { name: 'a key that is a list', body: { key: ['a'] }, field: 'key' },
    { name: 'a key of 1001 characters', body: { key: 'k'.repeat(1_001) }, field: 'key' },
    { name: 'a permission that is an object', body: { key: '', permission: {} }, field: 'permission' },
    { name: 'an ip that is none', body: { key: '', ip: '203.0.113' }, field: 'ip' },
    { name: 'null', body: { key: null }, field: 'key' },
  ]) {
    test(`400: ${name} is a problem that names the field`, async () => {
      const answer = await send(body === undefined ? undefined : JSON.stringify(body))
      assert.equal(answer.status, 400)
      assert.match(String(answer.headers.get('content-type')), /^application\/problem\+json/)
      assert.equal(answer.body.code, 'invalid_request')
      assert.equal(answer.body.status, 400)
      assert.equal(answer.body.errors[0].field, field)
    })
  }

  for (const { name, body, status } of [
    { name: 'half an object', body: '{"key":', status: 400 },
    { name: 'a text', body: '"key"', status: 400 },
    { name: 'a list', body: '[]', status: 400 },
    { name: 'more than 8 kB', body: JSON.stringify({ key: 'k', permission: 'p'.repeat(9_000) }), status: 413 },
  ]) {
    test(`${status}: a body that is ${name} is a problem that does not reveal its cause`, async () => {
      const answer = await send(body)
      assert.equal(answer.status, status)
      assert.equal(answer.body.code, status === 413 ? 'request_too_large' : 'invalid_request')
      assert.match(String(answer.headers.get('content-type')), /^application\/problem\+json/)
      assert.doesNotMatch(JSON.stringify(answer.body), /JSON at position|SyntaxError|node_modules/)
    })
  }

  test('400: JSON in another encoding is not read as UTF-8', async () => {
    const sent = [{ 'content-type': 'application/json; charset=utf-16' }, { 'content-encoding': 'gzip' }]
    for (const headers of sent) assert.equal((await send(JSON.stringify({ key }), headers)).status, 400)
    const answer = await send(JSON.stringify({ key }), { 'content-type': 'Application/JSON; charset="UTF-8"' })
    assert.equal(answer.status, 200)
  })

  test('200: a proxy may state the whole address', async () => {
    const { hostname, port } = new URL(world.url)
    const body = JSON.stringify({ key })
    const socket = connect(Number(port), hostname)
    socket.end(
      `POST ${world.url}/v1/keys/verify HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${world.verifierKey}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    )
    assert.match(await text(socket), /^HTTP\/1\.1 200 OK\r\n.*"valid":true/s)
  })

  test('401: invented verifier keys cause no query', async () => {
    const { database } = world.deps
    await eventually(() => database.changes.fresh())
    await send(JSON.stringify({ key }))
    const original = database.look
    let looks = 0
    database.look = work => {
      looks += 1
      return original(work)
    }
    try {
      for (let round = 0; round < 30; round += 1) {
        const authorization = `Bearer ${mintSecret(systemRandom, 'lkv_')}`
        assert.equal((await send(JSON.stringify({ key }), { authorization })).status, 401)
      }
    } finally {
      database.look = original
    }
    assert.ok(looks < 30, `${looks} queries`) // none, except after the machine paused
  })

  test('503: while the database does not respond every key is refused, and the log says so once', async () => {
    const { database } = world.deps
    const original = database.look
    database.look = () => Promise.reject(new Error('the database is gone'))
    const before = world.logs.length
    const start = performance.now()
    try {
      for (let round = 0; round < 5; round += 1) {
        const answer = await send(JSON.stringify({ key: mintSecret(systemRandom, 'lkm_live_') }))
        assert.deepEqual(
          [answer.status, answer.body.code, answer.headers.get('retry-after')],
          [503, 'unavailable', '1'],
        )
        assert.doesNotMatch(JSON.stringify(answer.body), /gone/)
      }
    } finally {
      database.look = original
    }
    const said = world.logs.slice(before).filter(line => line.includes('verifications failed'))
    const most = 1 + Math.ceil((performance.now() - start) / 1_000)
    assert.ok(said.length >= 1 && said.length <= most, `${said.length} lines`)
  })

  test('400: a form is not accepted as a body', async () => {
    const answer = await send(`key=${key}`, { 'content-type': 'application/x-www-form-urlencoded' })
    assert.equal(answer.status, 400)
  })

  test('401: without a verifier key, or with any other secret, the response says nothing about the key', async () => {
    const others = [
      '',
      'Bearer',
      'Basic abc',
      `Bearer ${key}`,
      `Bearer ${mintSecret(systemRandom, 'lkv_')}`,
      'Bearer a b',
    ]
    for (const authorization of others) {
      const answer = await send(JSON.stringify({ key }), { authorization })
      assert.equal(answer.status, 401, authorization)
      assert.equal(answer.body.code, 'unauthorized')
      assert.match(String(answer.headers.get('www-authenticate')), /^Bearer/)
      assert.ok(!JSON.stringify(answer.body).includes(key))
    }
  })

  test('401: a revoked verifier key is refused', async () => {
    const { database } = world.deps
    const { verifier, verifierKey } = await database.transaction(tx =>
      createVerifier(tx, world.deps, { name: 'short-lived', actor: OPERATOR }),
    )
    const ask = () => send(JSON.stringify({ key }), { authorization: `Bearer ${verifierKey}` })
    assert.equal((await ask()).status, 200)
    const revoke = () =>
      database.transaction(tx => revokeVerifier(tx, world.deps, { id: verifier.id, actor: OPERATOR }))
    await revoke()
    assert.equal((await ask()).status, 401)
    await assert.rejects(revoke())
  })

  test('200 is never stored by a cache', async () => {
    const answer = await send(JSON.stringify({ key }))
    assert.deepEqual([answer.status, answer.body.valid], [200, true])
    assert.equal(answer.headers.get('cache-control'), 'no-store')
  })

  test('unknown members are ignored, and the scheme is case-insensitive', async () => {
    const answer = await send(JSON.stringify({ key, colour: 'blue' }), { authorization: `bearer ${world.verifierKey}` })
    assert.equal(answer.body.valid, true)
  })

  test('404: only POST is supported', async () => {
    assert.equal((await send(undefined, {}, 'GET')).status, 404)
  })
})
