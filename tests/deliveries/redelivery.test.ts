import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'openid-client'
import type { Behaviour } from '../support/receiver-behaviour.ts'
import { rowsOf } from '../support/steps.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'

type Answer = { status: number; body: { code?: string; detail?: string; id?: string; status?: string } }

async function post(world: World, app: PublishedApp, path: string, body: object = {}): Promise<Answer> {
  const { access_token: token } = await oauth.clientCredentialsGrant(app.client)
  const answer = await fetch(`${world.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: (await answer.json()) as Answer['body'] }
}

async function redeliver(world: World, app: PublishedApp, sequence: number): Promise<Answer> {
  const [delivery] = await rowsOf(world, 'deliveries', { sequence })
  return await post(world, app, `/v1/deliveries/${delivery?.['id']}/redeliver`)
}

const refusals = (count: number): Behaviour[] => Array.from({ length: count }, () => ({ status: 500 }))
const typesSent = (app: PublishedApp) => app.receiver.attempts.map(({ event }) => event?.type)

test('a redelivery that its platform keeps refusing does not delay later events', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const { id } = await world.install(await world.person(), app)
  await world.deliver()
  assert.equal((await redeliver(world, app, 1)).status, 200)
  app.receiver.behave({ status: 500 })
  assert.equal(await world.deliver(), 1)
  const minted = await post(world, app, `/v1/installations/${id}/keys`, { name: 'second' })
  assert.equal(minted.status, 201)
  assert.equal(await world.deliver(), 1, 'the new key, and not the redelivery, which keeps to its schedule')
  const { key } = await app.receiver.waitFor('managed_key.created', 2)
  assert.equal((await world.verify(key ?? ''))['valid'], true)
  world.clock.advance(6_000)
  assert.equal(await world.deliver(), 1)
  assert.equal(typesSent(app).at(-1), 'installation.created')
  assert.ok((await rowsOf(world, 'deliveries')).every(({ status }) => status === 'delivered'))
})

test('a redelivery neither waits for pending events nor speeds them up', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  app.receiver.behave('ok', { status: 500 })
  await world.deliver()
  assert.equal((await redeliver(world, app, 1)).status, 200)
  assert.equal(await world.deliver(), 1)
  assert.deepEqual(typesSent(app), ['installation.created', 'managed_key.created', 'installation.created'])
  assert.equal(await world.deliver(), 0, 'the key waits for its next attempt')
  world.clock.advance(6_000)
  assert.equal(await world.deliver(), 1)
  assert.equal((await app.receiver.waitFor('managed_key.created')).type, 'managed_key.created')
})

test('a redelivery that was never accepted changes its own state only', async () => {
  await using world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '1' } })
  const app = await world.app()
  const { id } = await world.install(await world.person(), app)
  app.receiver.behave('ok', { status: 503, headers: { 'retry-after': '3600' } })
  await world.deliver()
  assert.equal((await redeliver(world, app, 1)).status, 200)
  app.receiver.behave(...refusals(2))
  for (let attempt = 0; attempt < 2; attempt += 1) {
    assert.equal(await world.deliver(), 1)
    world.clock.advance(1_300)
  }
  const states = async () => await world.deps.database.knex('deliveries').orderBy('sequence').pluck('status')
  assert.deepEqual(await states(), ['failed', 'pending'])
  const [installation] = await rowsOf(world, 'installations', { id })
  assert.equal(installation?.['status'], 'installing', 'its key is still being delivered')
  world.clock.advance(3_600_000)
  await world.deliver()
  const { key } = await app.receiver.waitFor('managed_key.created')
  assert.equal((await world.verify(key ?? ''))['valid'], true)
})

test('an expired key is not delivered again, whether it had arrived or not', async () => {
  await using world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '1' } })
  const app = await world.app({ metadata: { managed_keys: [{ name: 'first' }, { name: 'second' }] } })
  const { id } = await world.install(await world.person(), app)
  app.receiver.behave('ok', 'ok', ...refusals(2))
  await world.deliver()
  world.clock.advance(1_300)
  await world.deliver()
  const [arrived] = await rowsOf(world, 'keys', { installation_id: id, name: 'first' })
  assert.equal((await post(world, app, `/v1/keys/${arrived?.['id']}/expire`)).status, 200)
  await world.deliver()
  const states = (await rowsOf(world, 'deliveries')).map(({ sequence, status }) => [sequence, status])
  const sent = app.receiver.attempts.length
  for (const [sequence, status] of [
    [2, 'delivered'],
    [3, 'failed'],
  ] as const) {
    assert.ok(states.some(row => row[0] === sequence && row[1] === status))
    const refused = await redeliver(world, app, sequence)
    assert.deepEqual([refused.status, refused.body.code], [409, 'key_expired'])
    assert.match(refused.body.detail ?? '', /has expired/)
  }
  assert.equal(await world.deliver(), 0)
  assert.equal(app.receiver.attempts.length, sent)
  assert.equal((await redeliver(world, app, 5)).status, 200, "the event of a key's end may be sent again")
})

test('Redeliver ends the pause after a 410 even if its own delivery cannot be sent any more', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const { id } = await world.install(await world.person(), app)
  await world.deliver()
  app.receiver.behave({ status: 410 })
  await post(world, app, `/v1/installations/${id}/keys`, { name: 'lost' })
  await world.deliver()
  await post(world, app, `/v1/installations/${id}/keys`, { name: 'held' })
  assert.equal(await world.deliver(), 0)
  const { status, body } = await redeliver(world, app, 3)
  assert.equal(status, 409)
  assert.match(String(body.detail), /has expired/)
  assert.equal(await world.deliver(), 2)
  assert.equal((await app.receiver.waitFor('managed_key.expired')).body.data.key?.name, 'lost')
  assert.equal((await app.receiver.waitFor('managed_key.created', 2)).body.data.key?.name, 'held')
})

test('Redeliver on a delivery that is paused after a 410 sends it and all others', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  app.receiver.behave({ status: 410 })
  await world.install(await world.person(), app)
  await world.deliver()
  assert.equal(await world.deliver(), 0)
  const { status, body } = await redeliver(world, app, 2)
  assert.deepEqual([status, body.status], [200, 'pending'])
  assert.equal(await world.deliver(), 1)
  assert.equal((await app.receiver.waitFor('managed_key.created')).type, 'managed_key.created')
  assert.equal((await redeliver(world, app, 1)).status, 200)
  const stranger = await world.app()
  assert.equal((await redeliver(world, stranger, 1)).status, 404)
})
