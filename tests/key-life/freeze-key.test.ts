import assert from 'node:assert/strict'
import { test } from 'node:test'
import { activityOf, changeRole, countMade, join, rowsOf, stopClock, textOf } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'
import { DAY, eventually, installManaged, keyRow, latestAct, makeKey, reportLeak } from './key-steps.ts'

test('Freeze stops a managed key at once, and Unfreeze restores it; both logs and the platform have it', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person, id, key, keyId } = await installManaged(world)
  await world.verify(key)
  const page = await person.browser.get(`/keys/${keyId}/freeze`)
  assert.ok(textOf(page).includes('1 call in the last 24 hours would have been refused.'))
  assert.equal(page.form('Freeze key').fields['days'], undefined, 'nothing is preselected')
  const answer = await person.browser.submit(page.form('Freeze key'), { days: '7' })
  assert.deepEqual(await world.verify(key), { valid: false, code: 'frozen' })
  const list = textOf(await person.browser.follow(answer))
  assert.match(list, /default is frozen\. It is refused until you unfreeze it/)
  assert.match(list, /Frozen/)
  await world.deliver()
  const told = await app.receiver.waitFor('installation.updated')
  assert.deepEqual(told.faults, [])
  const { freeze_until: until } = await keyRow(world, keyId)
  assert.deepEqual(
    [told.body.data.installation?.id, told.body.data.reason, told.body.data.key?.id, told.body.data.key?.expires_at],
    [id, 'key_frozen', keyId, new Date(Number(until)).toISOString()],
  )
  world.clock.advance(6 * DAY)
  const thaw = await person.browser.get(`/keys/${keyId}/unfreeze`)
  await person.browser.submit(thaw.form('Unfreeze key'))
  assert.equal((await world.verify(key))['valid'], true)
  world.clock.advance(30 * DAY)
  assert.equal((await world.verify(key))['valid'], true, 'and its end is forgotten')
  for (const accountId of [person.accountId, app.platform.person.accountId])
    for (const what of ['key.frozen', 'key.unfrozen'])
      assert.equal((await activityOf(world, accountId)).filter(act => act === what).length, 1, what)
})

test('a freeze that nobody ends becomes an expiry, to the millisecond, which is final', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { key, id } = await makeKey(world, person)
  await person.browser.post(`/keys/${id}/freeze`, { days: '1' })
  const until = Number((await keyRow(world, id))['freeze_until'])
  stopClock(world, until - 1)
  assert.deepEqual(await world.verify(key), { valid: false, code: 'frozen' })
  stopClock(world, until)
  assert.deepEqual(await world.verify(key), { valid: false, code: 'expired' })
  const answer = await person.browser.post(`/keys/${id}/unfreeze`)
  assert.equal(answer.status, 409)
  assert.deepEqual(await world.verify(key), { valid: false, code: 'expired' })
  assert.match(textOf(await person.browser.get('/keys')), /Expired Frozen until then/)
  assert.ok(textOf(await person.browser.get('/keys?status=expired')).includes('Month-end export'))
  assert.ok(!textOf(await person.browser.get('/keys?status=frozen')).includes('Month-end export'))
})

test('frozen twice, also eight times at once: one log entry, and the first end stays', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { id } = await makeKey(world, person)
  await Promise.all(Array.from({ length: 8 }, () => person.browser.post(`/keys/${id}/freeze`, { days: '1' })))
  const before = [await countMade(world), await keyRow(world, id)]
  const again = await person.browser.post(`/keys/${id}/freeze`, { days: '30' })
  assert.equal(again.status, 303)
  assert.deepEqual([await countMade(world), await keyRow(world, id)], before)
  assert.equal((await activityOf(world, person.accountId)).filter(what => what === 'key.frozen').length, 1)
  assert.equal((await person.browser.get(`/keys/${id}/freeze`)).status, 303)
  for (let press = 0; press < 2; press += 1) await person.browser.post(`/keys/${id}/unfreeze`)
  assert.equal((await activityOf(world, person.accountId)).filter(what => what === 'key.unfrozen').length, 1)
})

test('422: without a choice nothing is frozen', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { key, id } = await makeKey(world, person)
  for (const days of ['', '0', '400', 'x']) {
    const answer = await person.browser.post(`/keys/${id}/freeze`, { days })
    assert.equal(answer.status, 422)
    assert.ok(textOf(answer).includes('Choose when a frozen key should expire.'))
  }
  assert.equal((await world.verify(key))['valid'], true)
})

test('a leaked key is unfrozen only by an owner or admin who confirms the leak', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const developer = await world.person({ accountName: 'Quay Coffee' })
  await join(world, developer, person, 'developer')
  const { key, id } = await makeKey(world, person, { mode: 'test', addresses: '203.0.113.7' })
  const ip = '203.0.113.7'
  await reportLeak(world, key)
  await eventually(async () => (await world.verify(key, { ip }))['code'] === 'frozen')
  assert.equal((await world.verify(key, { ip }))['code'], 'frozen', 'although it was reported from another address')
  assert.match(textOf(await person.browser.get('/keys')), /Frozen Found in public/)
  assert.equal((await developer.browser.post(`/keys/${id}/unfreeze`, { knows: 'yes' })).status, 403)
  const refused = await person.browser.post(`/keys/${id}/unfreeze`)
  assert.equal(refused.status, 422)
  assert.ok(textOf(refused).includes('This key was found in public.'))
  assert.equal((await world.verify(key, { ip }))['code'], 'frozen')
  await person.browser.submit(refused.form('Unfreeze key'), { knows: 'yes' })
  assert.equal((await world.verify(key, { ip }))['valid'], true)
  assert.equal((await latestAct(world, person.accountId, 'key.unfrozen'))?.data['although_leaked'], true)
})

test('a leak report of a key frozen by its account marks it as leaked, and a managed key is replaced', async () => {
  await using world = await createWorld()
  const { app, person, key, keyId } = await installManaged(world)
  await person.browser.post(`/keys/${keyId}/freeze`, { days: '7' })
  await reportLeak(world, key)
  const rotated = await app.receiver.waitFor('managed_key.rotated')
  assert.equal((await world.verify(rotated.key ?? ''))['valid'], true)
  assert.equal((await world.verify(key))['code'], 'expired')
  const own = await makeKey(world, person)
  await person.browser.post(`/keys/${own.id}/freeze`, { days: '7' })
  await reportLeak(world, own.key)
  await eventually(async () => (await keyRow(world, own.id))['frozen_by'] === 'leak_report')
  assert.ok((await keyRow(world, own.id))['freeze_until'], 'its end stays')
})

test('a viewer and a developer cannot freeze a live key', async () => {
  await using world = await createWorld({ worker: false })
  const { person, key, keyId } = await installManaged(world)
  for (const role of ['viewer', 'developer'] as const) {
    await changeRole(world, person, role)
    for (const act of ['freeze', 'unfreeze']) {
      assert.equal((await person.browser.get(`/keys/${keyId}/${act}`)).status, 403)
      assert.equal((await person.browser.post(`/keys/${keyId}/${act}`, { days: '1', knows: 'yes' })).status, 403)
    }
  }
  assert.equal((await world.verify(key))['valid'], true)
  assert.equal((await rowsOf(world, 'keys'))[0]?.['frozen_at'], null)
})

test('a kept key can be frozen; no event is sent for an ended installation', async () => {
  await using world = await createWorld({ worker: false })
  const { person, id, key, keyId } = await installManaged(world)
  await person.browser.post(`/apps/${id}/uninstall`, { keys: 'keep' })
  const events = (await rowsOf(world, 'events')).length
  await person.browser.post(`/keys/${keyId}/freeze`, { days: '7' })
  assert.equal((await world.verify(key))['code'], 'frozen')
  await person.browser.post(`/keys/${keyId}/unfreeze`)
  assert.equal((await world.verify(key))['valid'], true)
  assert.equal((await rowsOf(world, 'events')).length, events)
})
