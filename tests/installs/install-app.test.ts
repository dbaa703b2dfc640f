import assert from 'node:assert/strict'
import { test } from 'node:test'
import { activityOf, askConsent, keyAt, keysAt, press, rowsOf, textOf, tokensFrom } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

test('install: the key reaches the platform sealed, verifies at once, and both logs have it', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  assert.equal(installed.mode, 'live')
  assert.equal(installed.generation, 1)
  assert.deepEqual(installed.permissions, ['charges:read', 'charges:write', 'customers:read'])
  const event = await app.receiver.waitFor('managed_key.created')
  assert.deepEqual(event.faults, [])
  assert.match(event.key ?? '', /^lkm_live_[0-9A-Za-z]{38}$/)
  const verdict = await world.verify(event.key ?? '', { permission: 'charges:read' })
  assert.equal(verdict['valid'], true)
  assert.equal(verdict['installation_id'], installed.id)
  for (const accountId of [person.accountId, app.platform.person.accountId])
    assert.ok((await activityOf(world, accountId)).includes('installation.created'))
})

test('the browser returns at once and never waits for a delivery', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  await world.install(person, app)
  assert.deepEqual(app.receiver.attempts, [])
  assert.ok(textOf(await person.browser.get('/apps')).includes('1 key on the way'))
})

test('installation, keys, events, deliveries and activity are committed in one transaction', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { page } = await askConsent(person, app)
  const { knex } = world.deps.database
  await knex('activity_heads').where({ account_id: app.platform.person.accountId }).update({ number: 0 }) // makes the last write fail
  const broken = await press(person, page, 'install')
  assert.equal(broken.status, 500)
  assert.ok(textOf(broken).includes('Something went wrong'))
  for (const table of ['installations', 'keys', 'events', 'deliveries', 'oauth_grants'])
    assert.deepEqual(await rowsOf(world, table), [], table)
})

test('live and test are two installations with separate keys', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const live = await world.install(person, app)
  await world.deliver()
  const liveKey = keyAt(app)
  const test = await world.install(person, app, { extra: { mode: 'test' } })
  await world.deliver()
  const testKey = keysAt(app).find(key => key !== liveKey) ?? ''
  assert.match(testKey, /^lkm_test_/)
  const verdicts = [await world.verify(liveKey), await world.verify(testKey)]
  assert.deepEqual(
    verdicts.map(verdict => [verdict['mode'], verdict['installation_id']]),
    [
      ['live', live.id],
      ['test', test.id],
    ],
  )
  await person.browser.post(`/apps/${test.id}/uninstall`, { keys: 'expire' })
  assert.equal((await world.verify(testKey))['code'], 'expired')
  assert.equal((await world.verify(liveKey))['valid'], true)
  const filtered = textOf(await person.browser.get('/keys?show=live'))
  assert.ok(!filtered.includes('lkm_test_…') && filtered.includes('lkm_live_…'))
})

test('one app in two accounts is two installations that do not see each other', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const first = await world.person({ accountName: 'Harbor Books' })
  const second = await world.person({ accountName: 'Quay Coffee' })
  const ids = [(await world.install(first, app)).id, (await world.install(second, app)).id]
  await world.deliver()
  assert.notEqual(ids[0], ids[1])
  assert.equal((await first.browser.get(`/apps/${ids[1]}`)).status, 404)
  assert.ok(!(await first.browser.get('/apps')).text.includes(String(ids[1])))
  assert.equal(keysAt(app).length, 2)
})

test('an installation outlives the person who made it', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  await world.deliver()
  await world.deps.database.knex('memberships').where({ user_id: person.userId }).delete()
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
  const [row] = await rowsOf(world, 'installations', { id: installed.id })
  assert.equal(row?.['status'], 'active')
})

test('the permissions of a key are those that were granted: a subset requested by scope', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { request, page } = await askConsent(person, app, { scope: 'customers:read' })
  const installed = await tokensFrom(app, request, await press(person, page, 'install'))
  assert.deepEqual(installed.permissions, ['customers:read'])
  await world.deliver()
  assert.equal((await world.verify(keyAt(app), { permission: 'customers:read' }))['valid'], true)
  assert.equal((await world.verify(keyAt(app), { permission: 'charges:read' }))['code'], 'insufficient_permissions')
})
