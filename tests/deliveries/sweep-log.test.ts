import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sweep } from '../../server/sweep.ts'
import { createWorld } from '../support/world.ts'

const DAY = 86_400_000

test('the delivery log is kept for 30 days after a delivery has ended; pending deliveries stay, however old', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  await world.deliver()
  app.receiver.behave({ status: 503, headers: { 'retry-after': '86400' } })
  await world.install(await world.person(), app)
  await world.deliver()
  const count = async (table: string) =>
    Number((await world.deps.database.knex(table).count({ count: '*' }).first())?.['count'])
  const before = { deliveries: await count('deliveries'), events: await count('events') }
  assert.deepEqual(before, { deliveries: 4, events: 4 })
  world.clock.advance(30 * DAY - 60_000)
  assert.equal((await sweep(world.deps)).deliveries, 0)
  world.clock.advance(120_000)
  assert.equal((await sweep(world.deps)).deliveries, 2)
  assert.deepEqual(
    { deliveries: await count('deliveries'), events: await count('events') },
    { deliveries: 2, events: 2 },
  )
  assert.equal(await count('delivery_attempts'), 1)
  await world.deliver()
  assert.equal((await app.receiver.waitFor('managed_key.created', 2)).verified, true)
})

test('a log of more than one batch is swept completely', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const { id } = await world.install(await world.person(), app)
  await world.deliver()
  const { knex } = world.deps.database
  const at = world.clock.now()
  const numbers = Array.from({ length: 1_100 }, (_, index) => index)
  const events = numbers.map(n => ({
    id: `evt_${n}`,
    type: 'ping',
    app_id: app.id,
    installation_id: id,
    sequence: 100 + n,
    body: '{}',
    created_at: at,
  }))
  const deliveries = numbers.map(n => ({
    id: `dlv_${n}`,
    event_id: `evt_${n}`,
    app_id: app.id,
    installation_id: id,
    sequence: 100 + n,
    status: 'delivered',
    attempts: 1,
    next_attempt_at: at,
    created_at: at,
    settled_at: at,
  }))
  await knex.batchInsert('events', events, 200)
  await knex.batchInsert('deliveries', deliveries, 200)
  world.clock.advance(31 * DAY)
  assert.equal((await sweep(world.deps)).deliveries, 1_102)
})

test('an event without a delivery is deleted 30 days after it was written', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  await world.deliver()
  const { knex } = world.deps.database
  const unsent = { type: 'ping', app_id: app.id, body: '{}', created_at: world.clock.now() }
  const early = world.deps.ids.next('evt')
  await knex('events').insert({ ...unsent, id: early })
  world.clock.advance(30 * DAY - 60_000)
  const late = world.deps.ids.next('evt')
  await knex('events').insert({ ...unsent, id: late })
  assert.deepEqual(await sweep(world.deps).then(({ deliveries, events }) => ({ deliveries, events })), {
    deliveries: 0,
    events: 0,
  })
  world.clock.advance(120_000)
  assert.equal((await sweep(world.deps)).events, 1)
  assert.deepEqual(await knex('events').pluck('id'), [late])
})
