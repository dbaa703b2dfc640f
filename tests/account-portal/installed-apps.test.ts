import assert from 'node:assert/strict'
import { test } from 'node:test'
import { moveApp } from '../../apps-registry/move-app.ts'
import { changeRole, join, keyAt, rowsOf, textOf, uninstall } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

test('the list shows every state: installing, active, delivery failed, and ended apps whose keys were kept', async () => {
  await using world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '1' } })
  const person = await world.person()
  const names = ['Underway', 'Working', 'Failing', 'Leaving']
  const apps = await Promise.all(names.map(client_name => world.app({ metadata: { client_name } })))
  const [underway, working, failing, leaving] = apps as [(typeof apps)[0], ...typeof apps]
  assert.ok(underway && working && failing && leaving)
  failing.receiver.behave({ status: 500 }, { status: 500 })
  await world.install(person, working)
  await world.install(person, failing)
  const { id } = await world.install(person, leaving)
  await world.deliver()
  world.clock.advance(2_000)
  await world.deliver()
  await uninstall(person, id, { keys: 'keep' })
  await world.install(person, underway, { extra: { mode: 'test' } })
  const page = await person.browser.get('/apps')
  const rows = [...page.text.matchAll(/<li>.*?<\/li>/gs)].map(([row]) => textOf({ ...page, text: row }).trim())
  const rowOf = (name: string) => rows.find(row => row.includes(name)) ?? ''
  assert.match(rowOf('Underway'), /Test 1 key on the way .*Installing/)
  assert.match(rowOf('Working'), /1 key, never used .*Active/)
  assert.match(rowOf('Failing'), /Its keys expired unused .*Try again .*Not delivered/)
  assert.match(rowOf('Leaving'), /1 key kept, never used .*Kept/)
  assert.ok(textOf(page).includes('Uninstalled, with keys you kept'))
})

test('an account without apps sees where to find some', async () => {
  await using world = await createWorld({ worker: false })
  const page = await (await world.person()).browser.get('/apps')
  assert.ok(textOf(page).includes('No apps yet') && page.text.includes('href="/marketplace"'))
})

test('the page of an app shows its permissions, its keys, who installed it and its deliveries', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ metadata: { setup_uri: 'https://shipyard.example/setup' } })
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  await world.verify(keyAt(app))
  const page = await person.browser.get(`/apps/${id}`)
  const [key] = await rowsOf(world, 'keys')
  for (const words of [
    ...['Active', 'Live mode in Harbor Books', `by ${person.email}`, id, String(key?.['redacted']), 'Just now'],
    'See charges: amount, date, card brand and last four digits',
    'To show today’s takings.',
    'App installed',
    'Key delivered',
    'Delivered',
    'Uninstall',
    new URL(app.receiver.url).host,
  ])
    assert.ok(textOf(page).includes(words), words)
  assert.ok(page.text.includes('https://shipyard.example/setup'))
  assert.ok(!page.text.includes(keyAt(app)))
})

test('the page of a suspended app says so, and its keys are refused until it is resumed', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  const actor = { type: 'operator' as const, id: 'tests', ip: '' }
  const move = (verb: 'suspend' | 'resume') =>
    world.deps.database.transaction(tx => moveApp(tx, world.deps, { id: app.id, verb, actor }))
  await move('suspend')
  assert.ok(textOf(await person.browser.get(`/apps/${id}`)).includes('The app is suspended.'))
  assert.equal((await world.verify(keyAt(app)))['code'], 'suspended')
  await move('resume')
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

test('an installation in another account of the same person opens there, also from an old tab', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person({ accountName: 'Harbor Books' })
  const other = await world.person({ accountName: 'Quay Coffee' })
  await join(world, person, other, 'viewer')
  const { id } = await world.install(person, app)
  await world.deliver()
  const tab = await person.browser.get(`/apps/${id}/uninstall`)
  await person.browser.post('/account', { account: other.accountId })
  assert.ok(!textOf(await person.browser.get('/apps')).includes('Shipyard Hosting'))
  const done = await person.browser.follow(await person.browser.submit(tab.form('/uninstall'), { keys: 'expire' }))
  assert.ok(textOf(done).includes('Shipyard Hosting is uninstalled'))
  assert.ok(textOf(done).includes('from Harbor Books'))
})

test('a viewer finds no button that changes something', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  await changeRole(world, person, 'viewer')
  for (const path of [`/apps/${id}`, '/keys', '/apps']) {
    const page = await person.browser.get(path)
    assert.equal(page.status, 200)
    for (const part of [`/apps/${id}/uninstall`, '/expire"', '/rotate"', '/retry"'])
      assert.ok(!page.text.includes(part), `${path} has ${part}`)
  }
})
