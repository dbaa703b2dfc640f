import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysAt, rowsOf } from '../support/steps.ts'
import { createWorld, type Person, type World } from '../support/world.ts'
import { gate } from './gate.ts'
import { nodeBeside } from './node-beside.ts'

const LEASE = 25_000

test('a claimed delivery is not claimed by a second worker, and its event waits for it', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  app.receiver.behave('hang')
  const first = world.deliver()
  await app.receiver.waitForAttempt(1)
  await using node = await nodeBeside(world)
  assert.equal(await node.deps.worker.runDue(), 0)
  assert.equal(app.receiver.attempts.length, 1)
  await world.deps.outbound.hangUp()
  await first
})

test('a lease that has ended is claimed by the next worker, to the millisecond', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  const until = world.clock.now() + LEASE
  const lease = { lease: 'of a worker that died', lease_until: until }
  await world.deps.database.knex('deliveries').where({ sequence: 1 }).update(lease)
  const real = world.clock.now
  world.clock.now = () => until - 1
  assert.equal(await world.deliver(), 0)
  world.clock.now = () => until
  assert.equal(await world.deliver(), 2)
  world.clock.now = real
  assert.equal(keysAt(app).length, 1)
})

test('a worker that resumes after its lease was taken over settles nothing', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  app.receiver.behave('hang')
  const late = world.deliver()
  await app.receiver.waitForAttempt(1)
  world.clock.advance(LEASE + 1_000)
  await using node = await nodeBeside(world)
  assert.equal(await node.deps.worker.runDue(), 2)
  await world.deps.outbound.hangUp()
  await late
  const deliveries = await rowsOf(world, 'deliveries')
  assert.deepEqual(
    deliveries.map(({ status, attempts }) => [status, attempts]),
    [
      ['delivered', 1],
      ['delivered', 1],
    ],
  )
})

test('an acknowledgement after the lease was taken over changes nothing: the event is sent once more', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  const first = gate()
  app.receiver.behave(first.behaviour, { status: 500 })
  const late = world.deliver()
  await first.arrived
  world.clock.advance(LEASE + 1_000)
  await using node = await nodeBeside(world)
  assert.equal(await node.deps.worker.runDue(), 1)
  first.open()
  await late
  const states = () => world.deps.database.knex('deliveries').orderBy('sequence').select('status', 'attempts')
  assert.deepEqual(await states(), [
    { status: 'pending', attempts: 1 },
    { status: 'pending', attempts: 0 },
  ])
  world.clock.advance(6_000)
  assert.equal(await node.deps.worker.runDue(), 2)
  const sent = app.receiver.attempts.filter(({ event }) => event?.type === 'installation.created')
  assert.deepEqual(new Set(sent.map(({ event }) => event?.id)).size, 1)
  assert.equal(sent.length, 3)
  assert.deepEqual(await states(), [
    { status: 'delivered', attempts: 2 },
    { status: 'delivered', attempts: 1 },
  ])
  assert.equal(keysAt(app).length, 1)
})

test('two workers on one database never send an event twice', async () => {
  await using world = await createWorld({ worker: false })
  await using node = await nodeBeside(world)
  const app = await world.app({ metadata: { managed_keys: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] } })
  const people: Person[] = []
  for (let index = 0; index < 6; index += 1) people.push(await world.person())
  for (const person of people) await world.install(person, app)
  const made = await Promise.all([
    world.deliver(),
    node.deps.worker.runDue(),
    node.deps.worker.runDue(),
    world.deliver(),
  ])
  const sent = app.receiver.attempts.map(({ event }) => event?.id)
  assert.equal(sent.length, 24)
  assert.equal(new Set(sent).size, 24)
  assert.equal(
    made.reduce((sum, count) => sum + count, 0),
    24,
  )
  await inOrder(world, app.receiver.events)
})

test('a running worker sleeps until something is due, and is woken by an install', async () => {
  await using world = await createWorld()
  const app = await world.app()
  await world.install(await world.person(), app)
  await app.receiver.waitFor('managed_key.created')
})

type Told = { body: { data: { installation?: { id: string }; sequence?: number } } }

/** The events of each installation arrived in the order of their sequence. */
async function inOrder(world: World, events: readonly Told[]): Promise<void> {
  for (const { id } of await rowsOf(world, 'installations')) {
    const numbers = events
      .filter(({ body }) => body.data.installation?.id === id)
      .map(({ body }) => body.data.sequence ?? 0)
    assert.deepEqual(numbers, numbers.toSorted())
  }
}
