import assert from 'node:assert/strict'
import { test } from 'node:test'
import { updateApp } from '../../apps-registry/update-app.ts'
import { createWorld } from '../support/world.ts'

test('a log names the other side by its account: no e-mail and no address of a stranger', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person({ accountName: 'Reef Books' })
  await world.install(person, app)
  const { text } = await app.platform.person.browser.get('/activity')
  assert.match(text, /Reef Books/)
  assert.ok(!text.includes(person.email))
  assert.ok((await person.browser.get('/activity')).text.includes(person.email))
})

test('two rotations of the webhook secret: the first one also signs for its whole day', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const { browser } = app.platform.person
  const path = `/platform/apps/${app.id}`
  for (let press = 0; press < 2; press += 1) assert.equal((await browser.post(`${path}/webhook-secret`)).status, 200)
  await browser.post(`${path}/test`)
  const event = await app.receiver.waitFor('ping')
  assert.equal(event.verified, true)
  assert.equal(String(event.headers['webhook-signature']).split(' ').length, 3)
})

test('an update that read the client secret before its replacement does not restore it', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const row = () => world.deps.database.knex('apps').where({ id: app.id }).first('client', 'client_secret')
  await app.platform.person.browser.post(`/platform/apps/${app.id}/client-secret`)
  const replaced = await row()
  const client = JSON.parse(replaced.client)
  const stale = { id: app.id, client, clientSecret: app.registered.client_secret, manifest: client }
  const command = { ...stale, jwks: undefined, logo: undefined, ip: '' }
  const hooks = { permissionsRemoved: async () => [], logForKeyAccounts: async () => [] }
  await world.deps.database.transaction(tx => updateApp(tx, world.deps, command, hooks))
  assert.equal((await row()).client_secret, replaced.client_secret)
})

test('a stranger uses up none of an app’s test deliveries', async () => {
  await using world = await createWorld({ worker: false, env: { RATE_LIMITS: 'on' } })
  const app = await world.app()
  const stranger = await world.platform('Elsewhere')
  for (let count = 0; count < 31; count += 1)
    assert.equal((await stranger.person.browser.post(`/platform/apps/${app.id}/test`)).status, 404)
  assert.equal((await app.platform.person.browser.post(`/platform/apps/${app.id}/test`)).status, 303)
})
