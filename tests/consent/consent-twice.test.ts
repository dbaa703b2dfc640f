import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  askConsent,
  countMade,
  join,
  keyAt,
  press,
  rowsOf,
  switchTo,
  textOf,
  tokensFrom,
  uninstall,
} from '../support/steps.ts'
import { createWorld, REDIRECT } from '../support/world.ts'

test('a consent form sent again after it succeeded leads to the installation that it made', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { page } = await askConsent(person, app)
  assert.ok((await press(person, page, 'install')).location?.startsWith(REDIRECT))
  const [installation] = await rowsOf(world, 'installations')
  const before = await countMade(world)
  const again = await press(person, page, 'install')
  assert.equal(again.status, 200)
  assert.equal(new URL(again.url).pathname, `/apps/${installation?.['id']}`)
  const looked = await person.browser.follow(await person.browser.get(new URL(page.url).pathname))
  assert.equal(new URL(looked.url).pathname, `/apps/${installation?.['id']}`)
  assert.deepEqual(await countMade(world), before)
})

test('eight simultaneous submits make one installation and one set of keys, and the response leads to them', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ metadata: { managed_keys: [{ name: 'first' }, { name: 'second' }] } })
  const person = await world.person()
  const { request, page } = await askConsent(person, app)
  const form = page.form('/interaction/')
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => person.browser.submit(form, { decision: 'install' })),
  )
  const [installation, ...others] = await rowsOf(world, 'installations')
  assert.deepEqual(others, [])
  assert.equal((await rowsOf(world, 'keys')).length, 2)
  assert.equal((await rowsOf(world, 'events')).length, 3)
  for (const { status, location } of answers) {
    assert.equal(status, 303)
    assert.match(String(location), /\/oauth\/authorize\/[\w-]+$/)
  }
  const last = await person.browser.follow(answers[7] as (typeof answers)[0])
  const installed = await tokensFrom(app, request, last)
  assert.equal(installed.id, installation?.['id'])
  assert.deepEqual((await rowsOf(world, 'installations')).length, 1)
})

test('every response to a double submit leads to a working page, also the second one', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { page } = await askConsent(person, app)
  const form = page.form('/interaction/')
  const answers = await Promise.all([1, 2].map(() => person.browser.submit(form, { decision: 'install' })))
  const [first, second] = [
    await person.browser.follow(answers[0] ?? page),
    await person.browser.follow(answers[1] ?? page),
  ]
  const [installation] = await rowsOf(world, 'installations')
  assert.ok(first.location?.startsWith(REDIRECT))
  assert.equal(new URL(second.url).pathname, `/apps/${installation?.['id']}`)
})

test('eight simultaneous submits from the marketplace make one installation, and all lead to it', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const page = await person.browser.get('/interaction/install/shipyard-hosting')
  const backs = await Promise.all(Array.from({ length: 8 }, () => press(person, page, 'install')))
  const [installation, ...others] = await rowsOf(world, 'installations', { app_id: app.id })
  assert.deepEqual(others, [])
  assert.equal((await rowsOf(world, 'keys')).length, 1)
  for (const back of backs) assert.ok(new URL(back.url).pathname.startsWith(`/apps/${installation?.['id']}`), back.url)
})

test('two owners at once: one installation, one key, and a code for both', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const first = await world.person()
  const second = await world.person()
  await join(world, second, first, 'owner')
  const asked = await Promise.all([askConsent(first, app), askConsent(second, app)])
  const fields = { account: first.accountId }
  const backs = await Promise.all([
    press(first, asked[0].page, 'install', fields),
    press(second, asked[1].page, 'install', fields),
  ])
  const ids = await Promise.all(
    backs.map(async (back, index) => (await tokensFrom(app, asked[index === 0 ? 0 : 1].request, back)).id),
  )
  const installations = await rowsOf(world, 'installations')
  assert.deepEqual(ids, [installations[0]?.['id'], installations[0]?.['id']])
  assert.equal(installations.length, 1)
  assert.equal((await rowsOf(world, 'keys')).length, 1)
})

test('installed already: the page says so, and Continue returns a code and mints no key', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  await world.deliver()
  const made = await countMade(world)
  const { request, page } = await askConsent(person, app)
  assert.ok(textOf(page).includes('Shipyard Hosting is installed already'))
  assert.deepEqual(
    page.form('/interaction/').buttons.map(({ text }) => text),
    ['Continue', 'Cancel'],
  )
  const again = await tokensFrom(app, request, await press(person, page, 'continue'))
  assert.deepEqual([again.id, again.generation], [installed.id, 1])
  assert.deepEqual(await countMade(world), { ...made, oauth_grants: 2 })
})

test('installed already: Cancel returns access_denied, and the app stays installed', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  const { page } = await askConsent(person, app)
  const back = await press(person, page, 'cancel')
  assert.equal(new URL(back.location ?? '').searchParams.get('error'), 'access_denied')
  const [row] = await rowsOf(world, 'installations', { id })
  assert.equal(row?.['status'], 'active')
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

test('installed already in live: it can be installed in test mode as well', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const live = await world.install(person, app)
  const test = await world.install(person, app, { extra: { mode: 'test' } })
  assert.notEqual(test.id, live.id)
  assert.equal(test.generation, 1)
})

test('kept keys: without a choice nothing is made, and the form keeps what was typed', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const other = await world.person({ accountName: 'Quay Coffee' })
  await join(world, other, person, 'owner')
  const { id } = await world.install(other, app, { fields: { account: person.accountId, mode: 'test' } })
  await world.deliver()
  await switchTo(other, person)
  await uninstall(other, id, { keys: 'keep' })
  const { page } = await askConsent(other, app)
  const before = await countMade(world)
  const again = await press(other, page, 'install', { account: person.accountId, mode: 'test' })
  assert.equal(again.status, 422)
  assert.ok(textOf(again).includes('Choose what happens to the keys from last time.'))
  const { fields } = again.form('/interaction/')
  assert.equal(fields['mode'], 'test')
  assert.equal(fields['account'], person.accountId)
  assert.equal(fields['kept'], undefined, 'nothing is preselected')
  assert.deepEqual(await countMade(world), before)
})

test('kept keys: left active, they work beside the new ones', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const first = await world.install(person, app)
  await world.deliver()
  const old = keyAt(app)
  await uninstall(person, first.id, { keys: 'keep' })
  const { request, page } = await askConsent(person, app)
  assert.ok(textOf(page).includes('1 key from last time still works'))
  assert.ok(textOf(page).includes('Leave it active') && textOf(page).includes('Expire it'))
  const second = await tokensFrom(app, request, await press(person, page, 'install', { kept: 'leave' }))
  await world.deliver()
  assert.equal(second.generation, 2)
  assert.equal((await world.verify(old))['valid'], true)
  assert.equal((await world.verify(old))['installation_id'], first.id)
})

test('kept keys: expired only once the new installation is active, and the platform gets the event', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const first = await world.install(person, app)
  await world.deliver()
  const old = keyAt(app)
  await uninstall(person, first.id, { keys: 'keep' })
  await world.deliver()
  const second = await world.install(person, app, { fields: { kept: 'expire' } })
  assert.equal((await world.verify(old))['valid'], true, 'the new key has not arrived yet')
  app.receiver.behave({ status: 503 })
  await world.deliver()
  assert.equal((await world.verify(old))['valid'], true, 'still not arrived')
  world.clock.advance(10_000)
  await world.deliver()
  const [installation] = await rowsOf(world, 'installations', { id: second.id })
  assert.equal(installation?.['status'], 'active')
  assert.deepEqual(await world.verify(old), { valid: false, code: 'expired' })
  const told = app.receiver.events.findLast(({ type }) => type === 'managed_key.expired')
  assert.equal(told?.body.data.installation?.id, first.id)
  assert.equal(told?.body.data.installation?.generation, 1)
  assert.equal(told?.body.data.encrypted_secret, undefined)
})

test('kept test keys are not asked about in a live install', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app, { extra: { mode: 'test' } })
  await world.deliver()
  await uninstall(person, id, { keys: 'keep' })
  const { page } = await askConsent(person, app, { extra: { mode: 'live' } })
  assert.ok(!textOf(page).includes('from last time'))
})
