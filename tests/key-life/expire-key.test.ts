import assert from 'node:assert/strict'
import { test } from 'node:test'
import { activityOf, changeRole, changeRows, countMade, keysAt, rowsOf, textOf, uninstall } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'
import { worldWithKey } from '../support/world-with-key.ts'

test('the keys page lists managed keys redacted, with their app’s name, and offers no way to see one', async () => {
  await using setting = await worldWithKey()
  const { world, person, key, keyId, redacted } = setting
  await world.verify(key)
  const page = await person.browser.get('/keys')
  for (const words of [
    'API keys',
    'default',
    redacted,
    'Shipyard Hosting',
    'charges:read',
    'Just now',
    'Active',
    'Expire',
  ])
    assert.ok(textOf(page).includes(words), words)
  assert.match(redacted, /^lkm_live_….{4}$/)
  const secret = key.slice('lkm_live_'.length)
  for (const path of ['/keys', `/keys/${keyId}/expire`, `/keys/${keyId}/rotate`]) {
    const { text } = await person.browser.get(path)
    assert.ok(!text.includes(secret) && !text.includes(secret.slice(0, 20)), path)
  }
  assert.doesNotMatch(textOf(page), /Reveal|Show key|Copy/)
  assert.equal((await person.browser.get(`/keys/${keyId}/reveal`)).status, 404)
  assert.equal((await person.browser.get(`/keys/${keyId}`)).status, 404)
})

test('Expire: the key is refused once the request has returned; the platform and both logs have it', async () => {
  await using setting = await worldWithKey()
  const { world, app, person, id, key, keyId } = setting
  const page = await person.browser.get(`/keys/${keyId}/expire`)
  assert.ok(textOf(page).includes('Expire “default”?'))
  const answer = await person.browser.submit(page.form('Expire key'))
  assert.equal(answer.status, 303)
  assert.deepEqual(await world.verify(key), { valid: false, code: 'expired' })
  assert.ok(textOf(await person.browser.follow(answer)).includes('default has expired.'))
  await world.deliver()
  const told = await app.receiver.waitFor('managed_key.expired')
  assert.deepEqual(told.faults, [])
  assert.deepEqual(
    [told.body.data.installation?.id, told.body.data.sequence, told.body.data.key?.id, told.body.data.encrypted_secret],
    [id, 3, keyId, undefined],
  )
  const [row] = await rowsOf(world, 'keys')
  assert.equal(told.body.data.key?.expires_at, new Date(Number(row?.['expired_at'])).toISOString())
  for (const accountId of [person.accountId, app.platform.person.accountId])
    assert.equal((await activityOf(world, accountId)).filter(what => what === 'key.expired').length, 1)
  const [installation] = await rowsOf(world, 'installations')
  assert.equal(installation?.['status'], 'active', 'the app stays installed')
})

test('expired twice, also eight times at once: one event and one log entry', async () => {
  await using setting = await worldWithKey()
  const { world, person, keyId } = setting
  const answers = await Promise.all(Array.from({ length: 8 }, () => person.browser.post(`/keys/${keyId}/expire`)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([303]))
  assert.equal((await rowsOf(world, 'events', { type: 'managed_key.expired' })).length, 1)
  const [first] = await rowsOf(world, 'keys')
  const before = await countMade(world)
  world.clock.advance(5_000)
  await person.browser.post(`/keys/${keyId}/expire`)
  assert.deepEqual(await countMade(world), before)
  assert.equal((await rowsOf(world, 'keys'))[0]?.['expired_at'], first?.['expired_at'])
  assert.equal((await person.browser.get(`/keys/${keyId}/expire`)).status, 303)
})

test('a key that has passed its deadline is not expired again', async () => {
  await using setting = await worldWithKey()
  const { world, person, keyId } = setting
  await changeRows(world, tx => tx('keys').update({ status: 'expiring', expires_at: world.clock.now() - 1 }))
  const before = await countMade(world)
  assert.equal((await person.browser.post(`/keys/${keyId}/expire`)).status, 303)
  assert.deepEqual(await countMade(world), before)
})

test('a kept key can be expired at any time, and the event carries its generation', async () => {
  await using setting = await worldWithKey()
  const { world, app, person, id, key, keyId } = setting
  await uninstall(person, id, { keys: 'keep' })
  await person.browser.post(`/keys/${keyId}/expire`)
  assert.equal((await world.verify(key))['code'], 'expired')
  await world.deliver()
  const told = await app.receiver.waitFor('managed_key.expired')
  assert.deepEqual([told.body.data.installation?.id, told.body.data.sequence], [id, 4])
  assert.ok(!textOf(await person.browser.get('/apps')).includes('keys you kept'))
})

test('expired keys stay listed for 30 days', async () => {
  await using setting = await worldWithKey()
  const { world, person, keyId, redacted } = setting
  await person.browser.post(`/keys/${keyId}/expire`)
  const { knex } = world.deps.database
  await knex('sessions').update({ expires_at: world.clock.now() + 400 * 86_400_000 })
  world.clock.advance(29 * 86_400_000)
  assert.ok(textOf(await person.browser.get('/keys')).includes(redacted))
  world.clock.advance(2 * 86_400_000)
  assert.ok(!textOf(await person.browser.get('/keys')).includes(redacted))
  assert.equal((await rowsOf(world, 'keys', { id: keyId })).length, 1)
})

for (const role of ['developer', 'viewer'] as const) {
  test(`a ${role} cannot expire a managed key, and sees why`, async () => {
    await using setting = await worldWithKey()
    const { world, person, key, keyId } = setting
    await changeRole(world, person, role)
    const refused = await person.browser.post(`/keys/${keyId}/expire`)
    assert.equal(refused.status, 403)
    assert.ok(textOf(refused).includes(`you are ${role} of Harbor Books`))
    assert.equal((await person.browser.get(`/keys/${keyId}/expire`)).status, 403)
    assert.equal((await world.verify(key))['valid'], true)
  })
}

test('expiring the only key of an installing app: the key is never sent, and the app is active once its platform responds', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  app.receiver.behave({ status: 503 })
  const { id } = await world.install(person, app)
  await world.deliver()
  const [row] = await rowsOf(world, 'keys')
  await person.browser.post(`/keys/${row?.['id']}/expire`)
  const state = async () => (await rowsOf(world, 'installations', { id }))[0]?.['status']
  assert.equal(await state(), 'installing', 'its platform has not responded yet')
  world.clock.advance(10_000)
  await world.deliver()
  assert.equal(await state(), 'active')
  assert.deepEqual(keysAt(app), [])
  assert.deepEqual(
    app.receiver.events.map(({ type, body }) => [type, body.data.sequence]),
    [
      ['installation.created', 1],
      ['managed_key.expired', 3],
    ],
  )
})

test('kept keys chosen to end with the new key’s arrival end although the new key was expired first', async () => {
  await using setting = await worldWithKey()
  const { world, app, person, id, key } = setting
  await uninstall(person, id, { keys: 'keep' })
  await world.deliver()
  const second = await world.install(person, app, { fields: { kept: 'expire' } })
  const [fresh] = await rowsOf(world, 'keys', { installation_id: second.id })
  await person.browser.post(`/keys/${fresh?.['id']}/expire`)
  assert.equal((await world.verify(key))['valid'], true)
  await world.deliver()
  assert.equal((await rowsOf(world, 'installations', { id: second.id }))[0]?.['status'], 'active')
  assert.equal((await world.verify(key))['code'], 'expired')
})
