import assert from 'node:assert/strict'
import { test } from 'node:test'
import { activityOf, changeRole, countMade, rowsOf, textOf } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'
import { DAY, installManaged, keyRow, latestAct, makeKey } from './key-steps.ts'

const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)

test('Edit: name, note, addresses, last day; permissions can only shrink; the log says what changed', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { key, id } = await makeKey(world, person, { note: 'Ask Jonas' })
  const form = (await person.browser.get(`/keys/${id}/edit`)).form('Save changes')
  assert.deepEqual(
    [form.fields['name'], form.fields['note'], form.fields['addresses']],
    ['Month-end export', 'Ask Jonas', ''],
  )
  const day = dayOf(world.clock.now() + 9 * DAY)
  const edit = {
    name: 'Quarter-end export',
    note: '',
    permissions: ['charges:read'],
    addresses: '203.0.113.7',
    expires_on: day,
  }
  const answer = await person.browser.submit(form, edit)
  assert.equal(answer.status, 303)
  assert.ok(textOf(await person.browser.follow(answer)).includes('Quarter-end export was saved.'))
  assert.equal((await world.verify(key))['code'], 'ip_not_allowed')
  const verdict = await world.verify(key, { ip: '::ffff:203.0.113.7' })
  assert.deepEqual(
    [verdict['permissions'], verdict['expires_at']],
    [['charges:read'], new Date(Date.parse(`${day}T00:00:00Z`) + DAY).toISOString()],
  )
  const act = await latestAct(world, person.accountId, 'key.edited')
  assert.deepEqual(act?.data['changed'], ['name', 'note', 'permissions', 'addresses', 'expiresAt'])
  assert.deepEqual(
    [act?.data['name_before'], act?.data['note_before'], act?.data['permissions_before'], act?.data['addresses']],
    ['Month-end export', 'Ask Jonas', ['charges:read', 'payouts:read'], ['203.0.113.7']],
  )
  await person.browser.submit((await person.browser.get(`/keys/${id}/edit`)).form('Save changes'), { addresses: '' })
  assert.equal((await world.verify(key))['valid'], true, 'an empty list is no list')
})

test('Edit without a change writes nothing', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { id } = await makeKey(world, person, { addresses: '203.0.113.7', permissions: 'charges:read' })
  const before = await countMade(world)
  const form = (await person.browser.get(`/keys/${id}/edit`)).form('Save changes')
  assert.equal((await person.browser.submit(form)).status, 303)
  assert.deepEqual(await countMade(world), before)
})

for (const [fault, fields, words] of [
  [
    'more permissions',
    { permissions: ['charges:read', 'payouts:write'] },
    'payouts:write is not one of these permissions',
  ],
  ['no permission', { permissions: [] }, 'Tick at least one permission.'],
  ['the last day removed', { expires_on: '' }, 'The last day cannot be removed.'],
  ['a past day', { expires_on: '2020-01-01' }, 'Choose today or a later day.'],
  ['no name', { name: '' }, 'Give the key a name.'],
  ['every address', { addresses: '0.0.0.0/0' }, 'allows every address'],
] as const) {
  test(`422: Edit with ${fault} changes nothing and keeps what was typed`, async () => {
    await using world = await createWorld({ worker: false })
    const person = await world.person()
    const { id } = await makeKey(world, person, { expires_on: dayOf(world.clock.now() + 3 * DAY) })
    const before = await keyRow(world, id)
    const form = (await person.browser.get(`/keys/${id}/edit`)).form('Save changes')
    const typed = { permissions: ['charges:read'], note: 'kept as typed', ...fields } as Record<
      string,
      string | string[]
    >
    const answer = await person.browser.submit(form, typed)
    assert.equal(answer.status, 422)
    assert.ok(textOf(answer).includes(words))
    assert.equal(answer.form('Save changes').fields['note'], 'kept as typed')
    assert.deepEqual(await keyRow(world, id), before)
  })
}

for (const kind of ['managed', 'restricted'] as const) {
  test(`Edit on a page drawn before somebody else's Edit does not undo it (${kind})`, async () => {
    await using world = await createWorld({ worker: false })
    const { person, keyId } = await installManaged(world)
    const id = kind === 'managed' ? keyId : (await makeKey(world, person)).id
    const open = async () => (await person.browser.get(`/keys/${id}/edit`)).form('Save changes')
    const [stale, fresh] = [await open(), await open()]
    const permissions = ['charges:read', 'payouts:read']
    const day = dayOf(world.clock.now() + 9 * DAY)
    const narrow = { addresses: '203.0.113.7', permissions, ...('expires_on' in fresh.fields && { expires_on: day }) }
    assert.equal((await person.browser.submit(fresh, narrow)).status, 303)
    const before = await keyRow(world, id)
    assert.equal((await person.browser.submit(fresh, narrow)).status, 303, 'a double click is no conflict')
    const rename = {
      name: 'Renamed',
      permissions,
      addresses: '',
      ...('expires_on' in fresh.fields && { expires_on: day }),
    }
    const invalid = await person.browser.submit(stale, { ...rename, addresses: 'nowhere' })
    assert.equal(invalid.status, 422)
    const refused = await person.browser.submit(invalid.form('Save changes'), rename)
    assert.equal(refused.status, 409)
    assert.match(textOf(refused), /Nothing was changed\. .* was changed after you opened this page/)
    assert.deepEqual(await keyRow(world, id), before)
    const anew = refused.form('Save changes')
    assert.equal(anew.fields['addresses'], '203.0.113.7')
    assert.equal((await person.browser.submit(anew, { addresses: '203.0.113.8', permissions })).status, 303)
    assert.equal((await keyRow(world, id))['addresses'], '["203.0.113.8"]')
  })
}

test('the deadline of a key that is being replaced cannot be moved out', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { id } = await makeKey(world, person)
  await person.browser.post(`/keys/${id}/rotate`, { overlap: '86400' })
  const { expires_at: before } = await keyRow(world, id)
  const form = (await person.browser.get(`/keys/${id}/edit`)).form('Save changes')
  assert.equal('expires_on' in form.fields, false)
  await person.browser.submit(form, {
    permissions: ['charges:read', 'payouts:read'],
    expires_on: dayOf(world.clock.now() + 99 * DAY),
  })
  assert.equal((await keyRow(world, id))['expires_at'], before)
})

test('of a managed key the account can edit the allowed addresses only; its platform gets an event', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person, key, keyId } = await installManaged(world)
  const page = await person.browser.get(`/keys/${keyId}/edit`)
  assert.deepEqual(Object.keys(page.form('Save changes').fields), ['seen', 'addresses'])
  const everything = { name: 'Mine', note: 'Mine', permissions: 'charges:read', expires_on: '2031-01-01' }
  const answer = await person.browser.submit(page.form('Save changes'), { ...everything, addresses: '203.0.113.0/24' })
  assert.equal(answer.status, 303)
  const row = await keyRow(world, keyId)
  assert.deepEqual([row['name'], row['note'], row['expires_at']], ['default', null, null])
  assert.equal((await world.verify(key))['code'], 'ip_not_allowed')
  assert.equal((await world.verify(key, { ip: '198.51.100.1' }))['code'], 'ip_not_allowed')
  assert.equal(
    (await world.verify(key, { ip: '198.51.100.1', permission: 'payouts:write' }))['code'],
    'insufficient_permissions',
  )
  const verdict = await world.verify(key, { ip: '203.0.113.9' })
  assert.deepEqual([verdict['valid'], (verdict['permissions'] as string[]).length], [true, 3])
  await world.deliver()
  const told = await app.receiver.waitFor('installation.updated')
  assert.deepEqual(told.faults, [])
  assert.deepEqual([told.body.data.reason, told.body.data.key?.id], ['addresses_changed', keyId])
  for (const accountId of [person.accountId, app.platform.person.accountId])
    assert.deepEqual((await latestAct(world, accountId, 'key.edited'))?.data['addresses'], ['203.0.113.0/24'])
})

test('a developer edits a managed key in test mode only', async () => {
  await using world = await createWorld({ worker: false })
  const { person, keyId } = await installManaged(world)
  await changeRole(world, person, 'developer')
  assert.equal((await person.browser.get(`/keys/${keyId}/edit`)).status, 403)
  assert.equal((await person.browser.post(`/keys/${keyId}/edit`, { addresses: '203.0.113.7' })).status, 403)
  assert.equal((await rowsOf(world, 'keys'))[0]?.['addresses'], null)
  assert.ok(!(await activityOf(world, person.accountId)).includes('key.edited'))
  await world.deps.database.knex('keys').update({ mode: 'test' })
  assert.equal((await person.browser.post(`/keys/${keyId}/edit`, { addresses: '203.0.113.7' })).status, 303)
})
