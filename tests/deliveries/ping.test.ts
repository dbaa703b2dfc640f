import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'openid-client'
import { findApp } from '../../apps-registry/find-app.ts'
import { sendPing } from '../../server/deliveries/send-ping.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'

const HOUR = 3_600_000

async function ping(world: World, app: PublishedApp): Promise<string> {
  const actor = { type: 'user' as const, id: app.platform.person.userId, ip: '' }
  return await world.deps.database.transaction(async tx => {
    const found = await findApp(tx, app.id)
    assert.ok(found)
    return await sendPing(tx, world.deps, { app: found, actor })
  })
}

async function api(world: World, app: PublishedApp, path: string, method = 'GET') {
  const { access_token } = await oauth.clientCredentialsGrant(app.client)
  const answer = await fetch(world.url + path, { method, headers: { authorization: `Bearer ${access_token}` } })
  return { status: answer.status, body: (await answer.json()) as { data: Record<string, unknown>[] } }
}

const statusOf = async (world: World, id: string) =>
  (await world.deps.database.knex('deliveries').where({ id }).first('status')).status

test('a ping is signed, self-contained, logged, listed for its app only, and can be sent again', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const installed = await world.install(await world.person(), app)
  await world.deliver()
  const id = await ping(world, app)
  await world.deliver()
  const event = await app.receiver.waitFor('ping')
  assert.equal(event.verified, true)
  assert.deepEqual(event.body.data, { app_id: app.id, app_name: 'Shipyard Hosting' })
  assert.ok(Number.isFinite(Date.parse(event.body.timestamp)))
  const [delivery] = (await api(world, app, '/v1/deliveries')).body.data
  assert.deepEqual([delivery?.['id'], delivery?.['type'], delivery?.['installation_id']], [id, 'ping', null])
  assert.equal(delivery?.['status'], 'delivered')
  assert.equal((delivery?.['attempts'] as unknown[] | undefined)?.length, 1)
  assert.deepEqual((await api(world, app, '/v1/events')).body.data.at(-1)?.['data'], event.body.data)
  const own = { headers: { authorization: `Bearer ${installed.tokens.access_token}` } }
  const ofInstallation = (await (await fetch(`${world.url}/v1/deliveries`, own)).json()) as { data: { type: string }[] }
  assert.ok(ofInstallation.data.every(({ type }) => type !== 'ping'))
  assert.equal((await fetch(`${world.url}/v1/deliveries/${id}/redeliver`, { ...own, method: 'POST' })).status, 404)
  assert.equal((await api(world, app, `/v1/deliveries/${id}/redeliver`, 'POST')).status, 200)
  await world.deliver()
  assert.equal((await app.receiver.waitFor('ping', 2)).id, event.id)
  const log = await world.deps.database.knex('activity').where({ account_id: app.platform.person.accountId })
  assert.ok(log.some(row => row.what === 'app.test_delivery_sent' && row.object === app.id))
  assert.ok(log.some(row => row.what === 'delivery.redelivered' && row.object === id))
})

test('a ping has one attempt, and its failure does not affect any installation', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const installed = await world.install(await world.person(), app)
  app.receiver.behave({ status: 503 }, { status: 503 })
  const id = await ping(world, app)
  await world.deliver() // the first event of the installation, and the ping
  assert.equal(await statusOf(world, id), 'failed')
  world.clock.advance(48 * HOUR)
  await world.deliver()
  assert.equal(app.receiver.attempts.filter(({ event }) => event?.type === 'ping').length, 1)
  const row = await world.deps.database.knex('installations').where({ id: installed.id }).first('status')
  assert.equal(row.status, 'active')
})

test('a ping is sent after a 410; once acknowledged, it ends the pause', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  app.receiver.behave({ status: 410 }, { status: 500 })
  await world.deliver()
  await ping(world, app)
  await world.deliver()
  await person.browser.post(`/apps/${id}/send-now`) // a customer does not end a pause of the whole app
  assert.equal(app.receiver.events.length, 0)
  const paused = await world.deps.database.knex('apps').where({ id: app.id }).first('gone_address')
  assert.equal(paused.gone_address, app.receiver.url)
  await ping(world, app)
  await world.deliver()
  await app.receiver.waitFor('managed_key.created')
  const { gone_address } = await world.deps.database.knex('apps').where({ id: app.id }).first('gone_address')
  assert.equal(gone_address, null)
})

test('a ping does not wait for an installation’s stuck delivery', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  app.receiver.behave({ status: 500 })
  await world.deliver()
  await ping(world, app)
  await world.deliver()
  await app.receiver.waitFor('ping')
})

test('an app without a delivery address cannot send a test delivery', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ metadata: { key_delivery_uri: undefined, managed_keys: [], permissions: [] } })
  await assert.rejects(ping(world, app), /no key delivery address/)
})
