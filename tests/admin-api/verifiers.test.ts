import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { OPERATOR_LOG } from '../../server/audit/record-activity.ts'
import { createWorld, type World } from '../support/world.ts'
import { type AdminClient, createAdminClient } from './admin-client.ts'

let world: World
let admin: AdminClient
before(async () => {
  world = await createWorld({ worker: false })
  admin = await createAdminClient(world)
})
after(() => world[Symbol.asyncDispose]())

const ask = async (key: string) =>
  (
    await fetch(`${world.url}/v1/keys/verify`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ key: 'nothing like a key' }),
    })
  ).status

test('a verifier key is created, shown once, listed without it, and revoked at once', async () => {
  const made = await admin.call('POST', '/verifiers', { name: ' Payments API ' })
  assert.equal(made.status, 201)
  const { verifier_key: key, ...verifier } = made.body
  assert.match(key, /^lkv_[0-9A-Za-z]{38}$/)
  assert.deepEqual([verifier['name'], verifier['status'], verifier['revoked_at']], ['Payments API', 'active', null])
  assert.equal(await ask(key), 200)
  const list = await admin.call('GET', '/verifiers?limit=1')
  assert.deepEqual(list.body['data'], [verifier])
  assert.ok(!list.text.includes(key))
  const next = await admin.call('GET', `/verifiers?limit=1&cursor=${list.body['next_cursor']}`)
  assert.deepEqual([next.body['data'][0].name, next.body['next_cursor']], ['tests', null])
  const gone = await admin.call('DELETE', `/verifiers/${verifier['id']}`)
  assert.deepEqual([gone.status, gone.text], [204, ''])
  assert.equal(await ask(key), 401)
  assert.equal((await admin.call('DELETE', `/verifiers/${verifier['id']}`)).status, 404)
  const log = await world.deps.database
    .knex('activity')
    .where({ account_id: OPERATOR_LOG, object: verifier['id'] })
    .orderBy('number')
    .select('what', 'actor_type', 'actor_id')
  const actor = { actor_type: 'admin_key', actor_id: admin.keyId }
  assert.deepEqual(log, [
    { what: 'verifier.created', ...actor },
    { what: 'verifier.revoked', ...actor },
  ])
})

test('a name is on one line and not empty', async () => {
  for (const name of ['', ' ', 'a\nb', 'a'.repeat(121), 7, undefined]) {
    const { status, body } = await admin.call('POST', '/verifiers', { name })
    assert.deepEqual([status, body['errors']?.[0].field], [400, 'name'], String(name))
  }
})

test('an Idempotency-Key returns the same response to the same admin key, and refuses another body', async () => {
  const headers = { 'idempotency-key': 'once' }
  const first = await admin.call('POST', '/verifiers', { name: 'Once' }, headers)
  assert.deepEqual((await admin.call('POST', '/verifiers', { name: 'Once' }, headers)).body, first.body)
  const other = await admin.call('POST', '/verifiers', { name: 'Twice' }, headers)
  assert.deepEqual([other.status, other.body['code']], [422, 'idempotency_key_reused'])
  const another = await createAdminClient(world)
  const theirs = await another.call('POST', '/verifiers', { name: 'Once' }, headers)
  assert.equal(theirs.status, 201)
  assert.notEqual(theirs.body['id'], first.body['id'])
  const at = await Promise.all(
    [1, 2, 3].map(() => admin.call('POST', '/verifiers', { name: 'At once' }, { 'idempotency-key': 'at once' })),
  )
  assert.equal(new Set(at.map(({ text }) => text)).size, 1)
})
