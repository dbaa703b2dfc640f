import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimDue } from '../../server/deliveries/claim-store.ts'
import { eventually } from '../support/eventually.ts'
import { rowsOf, uninstall } from '../support/steps.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { backlog, crowd } from './crowd.ts'
import { gate } from './gate.ts'

const keyOf = async (world: World, app: PublishedApp) => {
  await world.install(await world.person(), app)
  return await app.receiver.waitFor('managed_key.created', 1, 20_000)
}

test('an installation with thousands of pending events delays no other', async () => {
  await using world = await createWorld({ outboundTimeoutMs: 300_000 })
  const slow = await world.app()
  const other = await world.app()
  slow.receiver.behave('hang')
  await backlog(world, slow, 3_000)
  world.deps.worker.wake()
  await slow.receiver.waitForAttempt(1, 20_000)
  assert.ok((await keyOf(world, other)).key)
  await world.deps.outbound.hangUp()
})

test('more apps than one statement can name are all served', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const row = await world.deps.database.knex('apps').where({ id: app.id }).first()
  const version = await world.deps.database.knex('app_versions').where({ app_id: app.id }).first()
  const copies = Array.from({ length: 520 }, (_, index) => ({ id: world.deps.ids.next('app'), slug: `copy-${index}` }))
  await world.deps.database.transaction(async tx => {
    const rows = copies.map(copy => ({ ...row, ...copy, status: 'draft' }))
    await tx.batchInsert('apps', rows, 20)
    const versions = copies.map(({ id }) => ({ ...version, app_id: id }))
    await tx.batchInsert('app_versions', versions, 20)
  })
  await crowd(world, app, copies.length)
  const deliveries = await rowsOf(world, 'deliveries')
  await world.deps.database.transaction(async tx => {
    for (const [index, { id }] of copies.entries())
      await tx('deliveries').where({ id: deliveries[index]?.['id'] }).update({ app_id: id })
  })
  const lease = { lease: 'a lease', at: world.clock.now(), until: world.clock.now() + 25_000, full: [] }
  const claim = () =>
    world.deps.database.transaction(tx =>
      claimDue(tx, world.deps.database.kind, { ...lease, most: 1_000, roomFor: () => 32 }),
    )
  const counts = [await claim(), await claim(), await claim()].map(claimed => claimed.length)
  assert.deepEqual(counts, [400, 120, 0])
})

test('a long queue of one app does not delay a newer event of another app', async () => {
  await using world = await createWorld({ worker: false })
  const busy = await world.app()
  const other = await world.app()
  await crowd(world, busy, 300)
  world.clock.advance(1_000)
  await crowd(world, other, 2)
  const at = world.clock.now()
  const claimed = await world.deps.database.transaction(tx =>
    claimDue(tx, world.deps.database.kind, {
      lease: 'a lease',
      at,
      until: at + 25_000,
      most: 10,
      roomFor: () => 500,
      full: [],
    }),
  )
  assert.equal(claimed.length, 10)
  assert.equal(claimed.filter(({ app_id }) => app_id === other.id).length, 2)
})

test('attempts that fail before the post free their slots: an app whose secret was unreadable is served later', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const apps = () => world.deps.database.knex('apps').where({ id: app.id })
  const { webhook_secret } = await apps().first('webhook_secret')
  await crowd(world, app, 40)
  await apps().update({ webhook_secret: 'not to be read' })
  await world.deliver()
  assert.equal(app.receiver.attempts.length, 0)
  assert.ok(world.logs.some(line => line.includes('could not be recorded')))
  await apps().update({ webhook_secret })
  world.clock.advance(26_000)
  assert.equal(await world.deliver(), 40)
})

test('a delivery that is cancelled while it waits for a slot is not sent', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await app.receiver.waitFor('managed_key.created')
  const at = world.clock.monotonic()
  world.clock.monotonic = () => at // stops the time, so that no post is slow enough to leave its quick slot
  const gates = Array.from({ length: 32 }, gate)
  app.receiver.behave(...Array.from({ length: 100 }, () => 'ok' as const), ...gates.map(({ behaviour }) => behaviour))
  await crowd(world, app, 160)
  await Promise.all(gates.map(({ arrived }) => arrived)) // every slot is in use, and more was claimed ahead
  await person.browser.post(`/keys/${(await rowsOf(world, 'keys'))[0]?.['id']}/rotate`, { overlap: '86400' })
  await eventually(async () => (await rowsOf(world, 'deliveries', { sequence: 3 }))[0]?.['lease'] !== null)
  await uninstall(person, id)
  for (const { open } of gates) open()
  const ended = () => app.receiver.events.some(({ type }) => type === 'installation.uninstalled')
  await eventually(ended)
  assert.ok(!app.receiver.attempts.some(({ event }) => event?.type === 'managed_key.rotated'))
})
