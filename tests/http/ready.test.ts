import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBeating, workersSeen } from '../../server/heartbeat.ts'
import { onPostgres } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { createWorld, type World } from '../support/world.ts'

const ready = async ({ url }: World) => {
  const answer = await fetch(`${url}/readyz`)
  const retryAfter = answer.headers.get('retry-after')
  if (answer.status === 503) assert.ok(Number(retryAfter) >= 1, `Retry-After: ${retryAfter}`)
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

test('readyz: a success is cached for five seconds, and at most one row stays', async () => {
  await using world = await createWorld({ worker: false })
  assert.equal((await ready(world)).status, 200)
  world.clock.advance(5_000)
  assert.equal((await ready(world)).status, 200)
  const rows = await world.deps.database.read(tx => tx('heartbeats').pluck('kind'))
  assert.deepEqual(rows, ['probe'])
  await world.deps.database.knex.schema.renameTable('heartbeats', 'elsewhere')
  world.clock.advance(3_000)
  assert.equal((await ready(world)).status, 200)
  world.clock.advance(2_000)
  assert.equal((await ready(world)).body['writes'], 'failed')
  await world.deps.database.knex.schema.renameTable('elsewhere', 'heartbeats')
})

test('readyz: a write that hangs is reported within its bound', async () => {
  await using world = await createWorld({ worker: false })
  const release = Promise.withResolvers<void>()
  const blocking = world.deps.database.transaction(async tx => {
    if (onPostgres) await tx.raw('lock table heartbeats in access exclusive mode')
    await release.promise
  })
  const began = performance.now()
  const { status, body } = await ready(world).finally(release.resolve)
  await blocking
  assert.deepEqual([status, body['writes']], [503, 'failed'])
  assert.ok(performance.now() - began < 8_000)
})

test('readyz: includes a worker of this process, whose rounds must succeed', async () => {
  await using world = await createWorld({ worker: false })
  const { knex } = world.deps.database
  assert.deepEqual((await ready(world)).body, { status: 'ok', writes: 'ok', worker: 'elsewhere', changes: 'heard' })
  world.deps.worker.start()
  assert.equal((await ready(world)).body['worker'], 'ok')
  await knex.schema.renameTable('deliveries', 'elsewhere') // every round of the worker fails, and everything else works
  world.deps.worker.wake()
  await eventually(() => world.logs.some(line => line.includes('the worker could not reach')))
  world.clock.advance(91_000)
  assert.deepEqual(await ready(world), {
    status: 503,
    body: { status: 'unavailable', worker: 'stuck', loops: ['deliveries'] },
  })
  await knex.schema.renameTable('elsewhere', 'deliveries')
  await eventually(async () => (await ready(world)).status === 200)
})

test('readyz: a worker that hangs in the middle of a round is reported', { skip: !onPostgres }, async () => {
  await using world = await createWorld({ worker: false })
  const release = Promise.withResolvers<void>()
  const locked = Promise.withResolvers<void>()
  const blocking = world.deps.database.transaction(async tx => {
    await tx.raw('lock table deliveries in access exclusive mode')
    locked.resolve()
    await release.promise
  })
  await locked.promise
  world.deps.worker.start()
  world.clock.advance(31_000)
  const { body } = await ready(world).finally(release.resolve)
  assert.deepEqual(body['loops'], ['deliveries'])
  await blocking
  await eventually(async () => (await ready(world)).status === 200)
})

test('a worker records in the database that it runs and what is stuck, and deletes the record when it stops', async () => {
  await using world = await createWorld({ worker: false })
  const { database, clock, pulses } = world.deps
  const seen = () => database.read(tx => workersSeen(tx, clock))
  assert.equal(await seen(), undefined)
  const pulse = pulses.start('mails', 10_000)
  pulse.end(false)
  const stop = startBeating(world.deps)
  await eventually(async () => (await seen()) !== undefined)
  const now = await seen()
  assert.deepEqual([now?.fresh, now?.ill], [1, ['mails']])
  world.clock.advance(61_000)
  const later = await seen()
  assert.equal(later?.fresh, 0)
  assert.ok((later?.silentFor ?? 0) >= 61_000)
  await stop()
  assert.equal(await seen(), undefined)
})

test('the record of a dead worker is ignored once another one runs', async () => {
  await using world = await createWorld({ worker: false })
  const { database, clock } = world.deps
  await database.transaction(tx => tx('heartbeats').insert({ id: 'died', kind: 'worker', at: clock.now(), ill: '' }))
  world.clock.advance(11 * 60_000)
  const stop = startBeating(world.deps)
  await eventually(async () => !(await database.read(tx => tx('heartbeats').pluck('id'))).includes('died'))
  await stop()
})
