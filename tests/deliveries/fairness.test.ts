import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import type { Receiver } from '../support/receiver.ts'
import { createWorld } from '../support/world.ts'
import { crowd } from './crowd.ts'

test('an app with many due deliveries whose receiver hangs does not delay another app’s key', async () => {
  await using world = await createWorld()
  const dead = await world.app()
  const alive = await world.app()
  await crowd(world, dead, 40)
  dead.receiver.behave(...Array.from({ length: 80 }, () => 'hang' as const))
  world.deps.worker.wake()
  await dead.receiver.waitForAttempt(1)
  await world.install(await world.person(), alive)
  const { key } = await alive.receiver.waitFor('managed_key.created', 1, 12_000) // a hanging post takes 15 s
  assert.equal((await world.verify(key ?? ''))['valid'], true)
  await world.deps.outbound.hangUp()
})

test('hanging posts never take all slots: many dead apps leave slots for one that responds', async () => {
  await using world = await createWorld()
  const alive = await world.app()
  const dead: Receiver[] = []
  for (let index = 0; index < 5; index += 1) {
    const app = await world.app()
    await crowd(world, app, 20)
    app.receiver.behave(...Array.from({ length: 40 }, () => 'hang' as const))
    dead.push(app.receiver)
  }
  world.deps.worker.wake()
  for (const receiver of dead) await receiver.waitForAttempt(1)
  await world.install(await world.person(), alive)
  await alive.receiver.waitFor('managed_key.created', 1, 12_000)
  await world.deps.outbound.hangUp()
})

test('10,000 deliveries that wait for a dead endpoint do not delay another installation’s key', async context => {
  await using world = await createWorld({ outboundTimeoutMs: 300_000 })
  const dead = await world.app()
  const alive = await world.app()
  const person = await world.person()
  dead.receiver.behave(...Array.from({ length: 10_000 }, () => 'hang' as const))
  await crowd(world, dead, 10_000)
  world.deps.worker.wake()
  await dead.receiver.waitForAttempt(1)
  await world.install(person, alive)
  const installed = performance.now()
  const { key } = await alive.receiver.waitFor('managed_key.created')
  context.diagnostic(`the key arrived ${Math.round(performance.now() - installed)} ms after the code was exchanged`)
  assert.equal((await world.verify(key ?? ''))['valid'], true)
  assert.ok(dead.receiver.attempts.length < 100, 'deliveries to the dead endpoint are still pending')
  await world.deps.outbound.hangUp()
})

test('36 installations that hang do not delay another one of the same app', async context => {
  await using world = await createWorld({ outboundTimeoutMs: 300_000 })
  const app = await world.app()
  app.receiver.behave(...Array.from({ length: 36 }, () => 'hang' as const))
  await crowd(world, app, 36)
  world.deps.worker.wake()
  await app.receiver.waitForAttempt(32)
  const arrival = async (count: number) => {
    const start = performance.now()
    await world.install(await world.person(), app)
    const event = await app.receiver.waitFor('managed_key.created', count)
    context.diagnostic(`installed and delivered within ${Math.round(performance.now() - start)} ms`)
    return event
  }
  await arrival(1)
  assert.equal(app.receiver.attempts.filter(({ answered }) => answered === 'hang').length, 36)
  await world.deps.outbound.hangUp()
  const knex = world.deps.database.knex
  await eventually(async () => (await knex('deliveries').whereNotNull('lease').select('id')).length === 0)
  const slow = await knex('deliveries').where({ status: 'pending', slow: true }).select('id')
  assert.ok(slow.length >= 32, 'deliveries that hung for long are marked slow')
})
