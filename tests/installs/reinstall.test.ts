import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askConsent, join, keyAt, keysAt, press, rowsOf, textOf, tokensFrom, uninstall } from '../support/steps.ts'
import { createWorld, sampleManifest, type World } from '../support/world.ts'

test('a reinstall is a new installation: another id, generation 2, its sequence starts at one', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const first = await world.install(person, app)
  await world.deliver()
  const old = keyAt(app)
  await uninstall(person, first.id)
  await world.deliver()
  const second = await world.install(person, app)
  await world.deliver()
  assert.notEqual(second.id, first.id)
  assert.equal(second.generation, 2)
  const told = app.receiver.events.filter(({ body }) => body.data.installation?.id === second.id)
  assert.deepEqual(
    told.map(({ type, body }) => [type, body.data.sequence, body.data.installation?.generation]),
    [
      ['installation.created', 1, 2],
      ['managed_key.created', 2, 2],
    ],
  )
  const fresh = keysAt(app).find(key => key !== old) ?? ''
  assert.deepEqual([(await world.verify(old))['code'], (await world.verify(fresh))['valid']], ['expired', true])
})

test('generations ascend, separately for live and test mode', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const generations: number[] = []
  for (let round = 0; round < 3; round += 1) {
    const { id, generation } = await world.install(person, app)
    generations.push(generation)
    await uninstall(person, id)
  }
  generations.push((await world.install(person, app, { extra: { mode: 'test' } })).generation)
  assert.deepEqual(generations, [1, 2, 3, 1])
})

test('a late event of generation 1 carries its generation, arrives after the reinstall and deletes nothing', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const first = await world.install(person, app)
  await world.deliver()
  await uninstall(person, first.id)
  app.receiver.behave({ status: 500 })
  await world.deliver() // the event of the uninstall fails
  const second = await world.install(person, app)
  await world.deliver()
  world.clock.advance(10_000)
  await world.deliver()
  assert.deepEqual(
    app.receiver.events.map(({ type, body }) => [type, body.data.installation?.generation]),
    [
      ['installation.created', 1],
      ['managed_key.created', 1],
      ['installation.created', 2],
      ['managed_key.created', 2],
      ['installation.uninstalled', 1],
    ],
  )
  const late = app.receiver.events.at(-1)
  assert.deepEqual([late?.body.data.installation?.id, late?.body.data.sequence], [first.id, 3])
  assert.equal((await world.verify(keysAt(app)[1] ?? ''))['valid'], true)
  const [row] = await rowsOf(world, 'installations', { id: second.id })
  assert.equal(row?.['status'], 'active')
})

test('the pages of the old installation stay readable', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const first = await world.install(person, app)
  await world.deliver()
  await uninstall(person, first.id)
  await world.install(person, app)
  const old = await person.browser.get(`/apps/${first.id}`)
  assert.equal(old.status, 200)
  assert.ok(textOf(old).includes('This app is uninstalled.'))
  assert.ok(!textOf(old).includes('Try again'))
})

/** An app that was uninstalled with its key kept. */
async function keptKey(world: World) {
  const app = await world.app()
  const person = await world.person()
  const first = await world.install(person, app)
  await world.deliver()
  await uninstall(person, first.id, { keys: 'keep' })
  await world.deliver()
  return { app, person, first, old: keyAt(app) }
}

test('kept keys: the consent page shows their use, and nothing is preselected', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person, old } = await keptKey(world)
  assert.ok(textOf((await askConsent(person, app)).page).includes('never used'))
  for (const ip of ['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4', '203.0.113.4'])
    await world.verify(old, { ip })
  const { page } = await askConsent(person, app)
  assert.match(
    textOf(page),
    /last used: just now, 5 calls in 24 hours, 5 in 7 days, from 203\.0\.113\.\d, .* and 1 more/,
  )
  assert.equal(page.form('/interaction/').fields['kept'], undefined)
})

test('kept keys: without a valid choice nothing is installed', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person, old } = await keptKey(world)
  const { page } = await askConsent(person, app)
  for (const kept of [undefined, '', 'burn']) {
    const again = await press(person, page, 'install', kept === undefined ? {} : { kept })
    assert.equal(again.status, 422)
  }
  assert.equal((await rowsOf(world, 'installations')).length, 1)
  assert.equal((await world.verify(old))['valid'], true)
})

test('kept keys: a key that expired in the meantime needs no choice, and a choice does not change it', async () => {
  for (const kept of ['expire', undefined]) {
    await using world = await createWorld({ worker: false })
    const { app, person, old } = await keptKey(world)
    const { request, page } = await askConsent(person, app)
    const [key] = await rowsOf(world, 'keys')
    await person.browser.post(`/keys/${key?.['id']}/expire`)
    const second = await tokensFrom(app, request, await press(person, page, 'install', kept ? { kept } : {}))
    await world.deliver()
    assert.equal(second.generation, 2)
    assert.equal((await world.verify(old))['code'], 'expired')
    const ends = await rowsOf(world, 'activity', { what: 'key.expired', account_id: person.accountId })
    assert.equal(ends.length, 1)
  }
})

test('kept keys: two tabs with two choices install once, and the first choice counts', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person, old } = await keptKey(world)
  const [one, two] = [await askConsent(person, app), await askConsent(person, app)]
  const first = await tokensFrom(app, one.request, await press(person, one.page, 'install', { kept: 'leave' }))
  const second = await tokensFrom(app, two.request, await press(person, two.page, 'install', { kept: 'expire' }))
  assert.equal(second.id, first.id)
  await world.deliver()
  assert.equal((await world.verify(old))['valid'], true)
  assert.equal((await rowsOf(world, 'installations')).length, 2)
})

test('kept keys: "expire" never ends a key that was not on the page, as of another account or mode', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person, old } = await keptKey(world)
  const other = await world.person({ accountName: 'Quay Coffee' })
  await join(world, person, other, 'owner')
  const there = await world.install(other, app)
  await world.deliver()
  await uninstall(other, there.id, { keys: 'keep' })
  const { page } = await askConsent(person, app)
  const again = await press(person, page, 'install', { account: other.accountId, kept: 'expire' })
  assert.equal(again.status, 422)
  assert.equal(again.form('/interaction/').fields['kept'], undefined)
  assert.ok(textOf(again).includes('Choose what happens to the keys from last time.'))
  assert.equal((await press(person, again, 'install', { kept: 'expire' })).status, 303)
  await world.deliver()
  assert.equal((await world.verify(old))['valid'], true, 'the first account was not asked')
  assert.equal((await world.verify(keysAt(app)[1] ?? ''))['code'], 'expired')
})

test('kept keys: forged ids in the form expire nobody else’s key', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person } = await keptKey(world)
  const stranger = await keptKey(world)
  const [theirs] = await rowsOf(world, 'keys', { account_id: stranger.person.accountId })
  const { page } = await askConsent(person, app)
  const answer = await press(person, page, 'install', { kept: 'expire', kept_seen: String(theirs?.['id']) })
  assert.equal(answer.status, 422)
  const [own] = await rowsOf(world, 'keys', { account_id: person.accountId })
  await press(person, answer, 'install', { kept: 'expire', kept_seen: `${own?.['id']} ${theirs?.['id']}` })
  await world.deliver()
  assert.equal((await world.verify(stranger.old))['valid'], true)
})

test('kept keys: "expire" takes effect at once if the app has no managed keys any more', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person, old } = await keptKey(world)
  const answer = await fetch(String(app.registered['registration_client_uri']), {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${app.registered['registration_access_token']}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      ...sampleManifest(app.receiver),
      client_id: app.id,
      managed_keys: [],
      key_delivery_uri: undefined,
      jwks: undefined,
    }),
  })
  assert.equal(answer.status, 200, await answer.text())
  await world.install(person, app, { fields: { kept: 'expire' } })
  assert.equal((await world.verify(old))['code'], 'expired')
})

test('kept keys: "expire" takes effect at once if the new installation ends before its keys are acknowledged', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person, old } = await keptKey(world)
  const { id } = await world.install(person, app, { fields: { kept: 'expire' } })
  assert.equal((await world.verify(old))['valid'], true, 'the new keys are not acknowledged yet')
  await uninstall(person, id, { keys: 'keep' })
  assert.equal((await world.verify(old))['code'], 'expired')
  await world.deliver()
  const ends = app.receiver.events.filter(({ type }) => type === 'managed_key.expired')
  assert.equal(ends.length, 1)
})
