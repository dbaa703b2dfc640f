import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Receiver } from '../support/receiver.ts'
import { createWorld } from '../support/world.ts'
import { crowd } from './crowd.ts'

test('an app whose receiver hangs, with many deliveries due, does not delay another app’s key', async () => {
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

test('what hangs never takes all places: many dead apps leave room for one that answers', async () => {
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
  assert.ok(dead.receiver.attempts.length < 100, 'what waits for the dead endpoint still does')
  await world.deps.outbound.hangUp()
})
