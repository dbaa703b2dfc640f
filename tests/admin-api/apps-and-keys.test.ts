import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { type AdminClient, createAdminClient } from './admin-client.ts'

let world: World
let admin: AdminClient
let app: PublishedApp
let installed: { id: string; accountId: string; key: string }
before(async () => {
  world = await createWorld({ worker: false })
  admin = await createAdminClient(world)
  app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  const { key } = await app.receiver.waitFor('managed_key.created')
  installed = { id, accountId: person.accountId, key: key ?? '' }
})
after(() => world[Symbol.asyncDispose]())

const idsOf = async (path: string) =>
  (await admin.call('GET', path)).body['data'].map(({ id }: { id: string }) => id) as string[]

test('keys: found by account, app and installation, frozen, unfrozen and expired in the operator’s name', async () => {
  const [id] = await idsOf(`/keys?account=${installed.accountId}`)
  assert.deepEqual(await idsOf(`/keys?app=${app.id}&installation=${installed.id}`), [id])
  assert.deepEqual(await idsOf(`/keys?app=${world.deps.ids.next('app')}`), [])
  const one = (await admin.call('GET', `/keys/${id}`)).body
  assert.deepEqual([one['account_id'], one['app_id'], one['status']], [installed.accountId, app.id, 'active'])
  assert.ok(!JSON.stringify(one).includes(installed.key))
  const frozen = await admin.call('POST', `/keys/${id}/freeze`, { days: 7 })
  assert.deepEqual([frozen.status, frozen.body['frozen']], [200, true])
  assert.equal((await world.verify(installed.key))['code'], 'frozen')
  assert.equal((await admin.call('POST', `/keys/${id}/unfreeze`)).body['frozen'], false)
  assert.equal((await world.verify(installed.key))['valid'], true)
  assert.equal((await admin.call('POST', `/keys/${id}/expire`)).body['status'], 'expired')
  assert.equal((await world.verify(installed.key))['code'], 'expired')
  assert.equal((await admin.call('POST', `/keys/${id}/freeze`)).body['code'], 'key_expired')
  const log = await world.deps.database.knex('activity').where({ account_id: installed.accountId, object: id })
  assert.deepEqual(
    log.filter(({ actor_type }) => actor_type === 'admin_key').map(({ what }) => what),
    ['key.frozen', 'key.unfrozen', 'key.expired'],
  )
})

test('a leaked key is unfrozen only by somebody who says that they know of the leak', async () => {
  const { id } = await world.install(await world.person(), app)
  const [key] = await idsOf(`/keys?installation=${id}`)
  await admin.call('POST', `/keys/${key}/freeze`)
  await world.deps.database.knex('keys').where({ id: key }).update({ frozen_by: 'leak_report' })
  const refused = await admin.call('POST', `/keys/${key}/unfreeze`)
  assert.deepEqual([refused.status, refused.body['code']], [422, 'key_leaked'])
  assert.equal((await admin.call('POST', `/keys/${key}/unfreeze`, { knows_of_leak: true })).body['frozen'], false)
})

test('apps: listed, published, suspended, resumed and retired', async () => {
  const draft = await world.app({ draft: true, metadata: { client_name: 'Tide' } })
  assert.deepEqual((await idsOf('/apps?limit=1')).length, 1)
  assert.ok((await idsOf('/apps')).includes(app.id))
  const get = await admin.call('GET', `/apps/${draft.id}`)
  assert.deepEqual([get.body['name'], get.body['platform'].id], ['Tide', draft.platform.platformId])
  const move = async (verb: string) => (await admin.call('POST', `/apps/${draft.id}/${verb}`)).body
  assert.equal((await move('suspend'))['code'], 'app_status_mismatch')
  for (const [verb, status] of [
    ['publish', 'published'],
    ['suspend', 'suspended'],
    ['resume', 'published'],
    ['retire', 'retired'],
    ['retire', 'retired'],
  ] as const)
    assert.equal((await move(verb))['status'], status, verb)
})

test('platforms and registration tokens: several work at once, and one is revoked', async () => {
  const account = (await admin.call('POST', '/accounts', { name: 'Publisher', external_id: 'publisher' })).body
  const made = await admin.call('POST', '/platforms', { account: 'external:publisher', name: 'Shipyard' })
  assert.deepEqual([made.status, made.body['account_id']], [201, account['id']])
  const id = made.body['id']
  assert.ok((await idsOf('/platforms')).includes(id))
  const path = `/platforms/${id}/registration-tokens`
  const second = await admin.call('POST', path)
  assert.match(second.body['registration_token'], /^lkt_/)
  const list = await admin.call('GET', path)
  assert.equal(list.body['data'].length, 2)
  assert.ok(!list.text.includes(second.body['registration_token']))
  const register = async (registrationToken: string) => {
    const platform = { ...app.platform, registrationToken }
    return (await world.register(platform, app.receiver, { client_name: registrationToken.slice(-8) })).status
  }
  assert.deepEqual(
    [await register(made.body['registration_token']), await register(second.body['registration_token'])],
    [201, 201],
  )
  assert.equal((await admin.call('DELETE', `${path}/${second.body['id']}`)).status, 204)
  assert.equal((await admin.call('DELETE', `${path}/${second.body['id']}`)).status, 404)
  assert.deepEqual(
    [await register(made.body['registration_token']), await register(second.body['registration_token'])],
    [201, 401],
  )
})

test('deliveries: by app and status, and one is sent again', async () => {
  const ids = await idsOf(`/deliveries?app=${app.id}&limit=100`)
  assert.deepEqual(ids, [...ids].sort().reverse())
  const delivered = (await admin.call('GET', '/deliveries?status=delivered')).body['data']
  assert.ok(delivered.length > 0)
  const created = delivered.find(({ type }: { type: string }) => type === 'installation.created')
  assert.equal(created.app_id, app.id)
  const again = await admin.call('POST', `/deliveries/${created.id}/redeliver`)
  assert.deepEqual([again.status, again.body['status']], [200, 'pending'])
  assert.ok((await idsOf('/deliveries?status=pending')).includes(created.id))
  const twice = await admin.call('POST', `/deliveries/${created.id}/redeliver`)
  assert.deepEqual([twice.status, twice.body['code']], [409, 'delivery_not_redeliverable'])
  assert.deepEqual(await idsOf('/deliveries?status=failed'), [])
  assert.equal((await admin.call('GET', '/deliveries?status=odd')).status, 400)
})
