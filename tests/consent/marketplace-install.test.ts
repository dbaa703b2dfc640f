import assert from 'node:assert/strict'
import { test } from 'node:test'
import { moveApp } from '../../apps-registry/move-app.ts'
import { countMade, join, keyAt, press, rowsOf, textOf, uninstall } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

const SETUP = 'https://shipyard.example/setup'

test('an app without install_uri is installed from the marketplace: consent, installing page, link to its setup', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ metadata: { setup_uri: SETUP } })
  const person = await world.person()
  const listing = await person.browser.get('/marketplace/shipyard-hosting')
  const page = await person.browser.submit(listing.form('Install'))
  assert.match(page.text, /<h1>Install Shipyard Hosting<\/h1>/)
  const installing = await press(person, page, 'install')
  const [installation] = await rowsOf(world, 'installations')
  assert.equal(new URL(installing.url).pathname, `/apps/${installation?.['id']}/installing`)
  for (const step of ['Minted', 'Sealed', 'Sent', 'Acknowledged']) assert.ok(textOf(installing).includes(step), step)
  assert.ok(!installing.text.includes(SETUP), 'no setup link before the app has its key')
  await world.deliver()
  const done = await person.browser.get(installing.url)
  assert.ok(textOf(done).includes('Shipyard Hosting is installed'))
  assert.ok(done.text.includes(`href="${SETUP}"`))
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

test('an app with install_uri starts its install itself', async () => {
  await using world = await createWorld({ worker: false })
  await world.app({ metadata: { install_uri: 'https://shipyard.example/install' } })
  const person = await world.person()
  const listing = await person.browser.get('/marketplace/shipyard-hosting')
  const answer = await person.browser.submit(listing.form('Install'))
  assert.equal(answer.location, 'https://shipyard.example/install')
})

test('Cancel returns to the listing and leaves no row', async () => {
  await using world = await createWorld({ worker: false })
  await world.app()
  const person = await world.person()
  const page = await person.browser.get('/interaction/install/shipyard-hosting')
  const before = await countMade(world)
  const back = await press(person, page, 'cancel')
  assert.equal(new URL(back.url).pathname, '/marketplace/shipyard-hosting')
  assert.deepEqual(await countMade(world), before)
})

test('the installing page opens for an app installed into another account than the current one', async () => {
  await using world = await createWorld({ worker: false })
  await world.app()
  const person = await world.person()
  const other = await world.person({ accountName: 'Quay Coffee' })
  await join(world, person, other, 'owner')
  const page = await person.browser.get('/interaction/install/shipyard-hosting')
  const installing = await press(person, page, 'install', { account: other.accountId })
  assert.equal(installing.status, 200)
  assert.match(new URL(installing.url).pathname, /\/installing$/)
})

test('an installed app leads to its page', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  const page = await person.browser.get('/interaction/install/shipyard-hosting')
  const before = await countMade(world)
  const landed = await press(person, page, 'continue')
  assert.equal(new URL(landed.url).pathname, `/apps/${id}`)
  assert.deepEqual(await countMade(world), before)
})

test('an install from the marketplace asks about kept keys too', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  await uninstall(person, id, { keys: 'keep' })
  const page = await person.browser.get('/interaction/install/shipyard-hosting')
  const refused = await press(person, page, 'install')
  assert.equal(refused.status, 422)
  assert.equal((await rowsOf(world, 'installations')).length, 1)
  assert.equal((await press(person, refused, 'install', { kept: 'leave' })).status, 200)
})

test('a stranger’s draft is a 404', async () => {
  await using world = await createWorld({ worker: false })
  await world.app({ draft: true })
  const person = await world.person()
  assert.equal((await person.browser.get('/interaction/install/shipyard-hosting')).status, 404)
  assert.equal(
    (await person.browser.post('/interaction/install/shipyard-hosting', { decision: 'install' })).status,
    404,
  )
})

test('a jwks_uri that does not respond at an install: the key is sealed for the last known recipient', async () => {
  await using world = await createWorld({ worker: false })
  const receiver = await world.receiver()
  const jwksHost = await world.receiver()
  jwksHost.publicJwks = () => receiver.publicJwks()
  const platform = await world.platform()
  const { body } = await world.register(platform, receiver, { jwks: undefined, jwks_uri: jwksHost.jwksUrl })
  receiver.secret = body.webhook_secret
  await receiver.rotateEncryptionKey() // after the registration; used at the next install
  const first = await world.person()
  const { database } = world.deps
  const actor = { type: 'operator' as const, id: 'tests', ip: '' }
  await database.transaction(tx => moveApp(tx, world.deps, { id: body.client_id, verb: 'publish', actor }))
  await press(first, await first.browser.get('/interaction/install/shipyard-hosting'), 'install')
  await world.deliver()
  const { kid } = receiver.publicJwks().keys.find(jwk => jwk.use === 'enc') ?? {}
  assert.equal((await receiver.waitFor('managed_key.created')).body.data.encrypted_secret?.recipient_key_id, kid)
  await jwksHost.close()
  const page = await platform.person.browser.get('/interaction/install/shipyard-hosting')
  const installing = await press(platform.person, page, 'install')
  assert.equal(installing.status, 200)
  await world.deliver()
  const { faults, key, body: sent } = await receiver.waitFor('managed_key.created', 2)
  assert.deepEqual(faults, [])
  assert.equal(sent.data.encrypted_secret?.recipient_key_id, kid)
  assert.equal((await world.verify(key ?? ''))['valid'], true)
})
