import assert from 'node:assert/strict'
import { test } from 'node:test'
import { moveApp } from '../../apps-registry/move-app.ts'
import { createBrowserSession } from '../support/browser-session.ts'
import { askConsent, changeRole, countMade, join, press, rowsOf, textOf, tokensFrom } from '../support/steps.ts'
import { createWorld, PASSWORD, type PublishedApp, sampleManifest, type World } from '../support/world.ts'

for (const role of ['developer', 'viewer'] as const) {
  test(`a ${role} is refused at submit with a plain message, and nothing is made`, async () => {
    await using world = await createWorld({ worker: false })
    const app = await world.app()
    const person = await world.person()
    const { page } = await askConsent(person, app) // drawn while the person was owner
    await changeRole(world, person, role)
    const before = await countMade(world)
    const refused = await press(person, page, 'install')
    assert.equal(refused.status, 403)
    assert.ok(textOf(refused).includes(`Nothing was changed: you are ${role} of Harbor Books`), textOf(refused))
    assert.deepEqual(await countMade(world), before)
  })
}

test('a person signed out before submitting signs in and is asked again; nothing is made', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { page } = await askConsent(person, app)
  await world.deps.database.knex('sessions').delete()
  const refused = await press(person, page, 'install')
  const path = new URL(page.url).pathname
  assert.equal(refused.url, `${world.url}/signin?return_to=${encodeURIComponent(path)}`)
  await person.browser.post('/signin', { email: person.email, password: PASSWORD, return_to: path })
  assert.match((await person.browser.get(path)).text, /Install Shipyard Hosting/)
  assert.deepEqual(await rowsOf(world, 'installations'), [])
})

test('a person who left the account before submitting is refused, and nothing is made', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const other = await world.person({ accountName: 'Quay Coffee' })
  await join(world, person, other, 'owner')
  const { page } = await askConsent(person, app)
  await world.deps.database.knex('memberships').where({ account_id: person.accountId, user_id: person.userId }).delete()
  const again = await press(person, page, 'install', { account: person.accountId })
  assert.equal(
    again.status,
    422,
    'the page is shown again; the app is never installed in another account than the chosen one',
  )
  assert.deepEqual(await rowsOf(world, 'installations'), [])
})

test('Continue for an account where the person lost the role grants nothing in any account', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const other = await world.person({ accountName: 'Quay Coffee' })
  await join(world, person, other, 'owner')
  await world.install(person, app)
  await world.install(other, app)
  const { page } = await askConsent(person, app)
  assert.equal(page.form('/interaction/').fields['account'], person.accountId)
  await changeRole(world, person, 'viewer')
  const before = await countMade(world)
  const again = await press(person, page, 'continue')
  assert.equal(again.status, 422)
  assert.ok(textOf(again).includes('Choose one of your accounts.'))
  assert.deepEqual(await countMade(world), before)
})

test('Continue after the app was uninstalled elsewhere installs nothing and shows the permissions first', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  const { page } = await askConsent(person, app)
  await person.browser.post(`/apps/${id}/uninstall`, { keys: 'expire' })
  const before = await countMade(world)
  const again = await press(person, page, 'continue')
  assert.equal(again.status, 422)
  assert.ok(textOf(again).includes('The app was uninstalled after you opened this page.'))
  assert.match(again.text, /<h1>Install Shipyard Hosting<\/h1>/)
  assert.deepEqual(await countMade(world), before)
})

test('consent drawn before the app changed its permissions is shown again, and nothing is made', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { request, page } = await askConsent(person, app)
  await changeManifest(app, { permissions: [{ name: 'charges:read', purpose: 'To show today’s takings.' }] })
  const before = await countMade(world)
  const again = await press(person, page, 'install', { mode: 'test' })
  assert.equal(again.status, 422)
  assert.ok(textOf(again).includes('The app changed its request after you opened this page.'))
  assert.ok(!textOf(again).includes('To take payments.'), 'the page shows the new version')
  assert.equal(again.form('/interaction/').fields['mode'], 'test', 'the choices are kept')
  assert.deepEqual(await countMade(world), before)
  const installed = await tokensFrom(app, request, await press(person, again, 'install'))
  assert.deepEqual(installed.permissions, ['charges:read'])
})

for (const verb of ['suspend', 'retire'] as const) {
  test(`consent drawn before the app became unavailable (${verb}) is refused`, async () => {
    await using world = await createWorld({ worker: false })
    const app = await world.app()
    const person = await world.person()
    const { page } = await askConsent(person, app)
    await move(world, app, verb)
    const refused = await press(person, page, 'install')
    assert.ok(refused.status >= 400 && refused.status < 500, String(refused.status))
    assert.deepEqual(await rowsOf(world, 'installations'), [])
    assert.deepEqual(await rowsOf(world, 'keys'), [])
  })
}

test('an unknown interaction and one of another browser respond the same, as over', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const stranger = await world.person()
  const { page } = await askConsent(person, app)
  const uid = new URL(page.url).pathname
  for (const path of [uid, '/interaction/never-was-there']) {
    const seen = await stranger.browser.get(path)
    assert.equal(seen.status, 400)
    assert.ok(textOf(seen).includes('This request is over'))
    assert.ok(!seen.text.includes('Shipyard Hosting'))
    const pressed = await stranger.browser.post(path, {
      decision: 'install',
      account: stranger.accountId,
      mode: 'live',
    })
    assert.equal(pressed.status, 400)
  }
  assert.deepEqual(await rowsOf(world, 'installations'), [])
})

test('a completed interaction reveals nothing to a stranger', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const stranger = await world.person()
  const { page } = await askConsent(person, app)
  await press(person, page, 'install')
  const seen = await stranger.browser.get(new URL(page.url).pathname)
  assert.equal(seen.status, 400)
  assert.ok(textOf(seen).includes('This request is over'))
})

test('an interaction begun by one person and submitted after another signed in belongs to the second', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const first = await world.person({ accountName: 'Harbor Books' })
  const second = await world.person({ accountName: 'Quay Coffee' })
  const { request, page } = await askConsent(first, app)
  await first.browser.post('/signout')
  await first.browser.post('/signin', { email: second.email, password: PASSWORD })
  const drawn = await first.browser.get(new URL(page.url).pathname)
  assert.ok(textOf(drawn).includes('Quay Coffee') && !textOf(drawn).includes('Harbor Books'))
  const installed = await tokensFrom(app, request, await press(first, drawn, 'install'))
  const [row] = await rowsOf(world, 'installations')
  assert.deepEqual(
    [row?.['id'], row?.['account_id'], row?.['installed_by']],
    [installed.id, second.accountId, second.userId],
  )
})

test('the first person’s form, sent after another signed in, never installs in the first person’s account', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const first = await world.person({ accountName: 'Harbor Books' })
  const second = await world.person({ accountName: 'Quay Coffee' })
  const { page } = await askConsent(first, app)
  await first.browser.post('/signin', { email: second.email, password: PASSWORD })
  const again = await press(first, page, 'install')
  assert.equal(again.status, 422)
  assert.deepEqual(await rowsOf(world, 'installations'), [])
})

test('without a session the consent page leads to sign-in and back', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { page } = await askConsent({ browser: createBrowserSession(world.url) }, app)
  assert.match(new URL(page.url).pathname, /^\/signin$/)
  const browser = createBrowserSession(world.url)
  const { page: signIn } = await askConsent({ browser }, app)
  const back = await browser.follow(
    await browser.submit(signIn.form('/signin'), { email: person.email, password: PASSWORD }),
  )
  assert.match(back.text, /<h1>Install Shipyard Hosting<\/h1>/)
})

test('a cross-site consent form changes nothing', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { page } = await askConsent(person, app)
  const fields = { decision: 'install' }
  const refused = await person.browser.submit(page.form('/interaction/'), fields, { 'sec-fetch-site': 'cross-site' })
  assert.equal(refused.status, 403)
  assert.deepEqual(await rowsOf(world, 'installations'), [])
})

test('a decision on an app during its install takes effect', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { page } = await askConsent(person, app)
  const { deps } = world
  const actor = { type: 'operator' as const, id: 'tests', ip: '' }
  const pressed = await deps.database.transaction(async tx => {
    await moveApp(tx, deps, { id: app.id, verb: 'suspend', actor }) // not yet committed
    const answer = press(person, page, 'install')
    await installWaits(world)
    return { answer }
  })
  assert.equal((await pressed.answer).status, 409)
  assert.deepEqual(await rowsOf(world, 'installations'), [])
  assert.deepEqual(await rowsOf(world, 'keys'), [])
})

/** PostgreSQL: resolves when the install waits for the locked row. SQLite: resolves at once, one writer at a time. */
async function installWaits({ deps: { database } }: World): Promise<void> {
  if (database.kind === 'sqlite') return
  for (let looks = 0; looks < 10_000; looks += 1) {
    const waiting = await database
      .knex('pg_stat_activity')
      .whereRaw('datname = current_database()')
      .where({ wait_event_type: 'Lock' })
    if (waiting.length > 0) return
  }
  throw new Error('the install waited for nothing')
}

async function move({ deps }: World, { id }: PublishedApp, verb: 'suspend' | 'retire'): Promise<void> {
  const actor = { type: 'operator' as const, id: 'tests', ip: '' }
  await deps.database.transaction(tx => moveApp(tx, deps, { id, verb, actor }))
}

/** The platform changes its manifest (RFC 7592). */
async function changeManifest(app: PublishedApp, change: Record<string, unknown>): Promise<void> {
  const { registration_client_uri: address, registration_access_token: token } = app.registered
  const answer = await fetch(String(address), {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      ...sampleManifest(app.receiver),
      client_id: app.id,
      client_secret: app.registered.client_secret,
      ...change,
    }),
  })
  assert.equal(answer.status, 200, await answer.text())
}
