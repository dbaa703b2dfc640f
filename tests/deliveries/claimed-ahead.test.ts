import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { rowsOf } from '../support/steps.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { crowd } from './crowd.ts'
import { nodeBeside } from './node-beside.ts'

const EVENTS = 600

/** The receiver is fast at first, so that the worker claims ahead; every later response is `last`. */
async function fastThen(world: World, app: PublishedApp, last: 'hang' | { status: number }): Promise<void> {
  const fast = Array.from({ length: EVENTS / 3 }, () => 'ok' as const)
  app.receiver.behave(...fast, ...Array.from({ length: EVENTS }, () => last))
  await crowd(world, app, EVENTS)
}

const leased = async (world: World) =>
  (await rowsOf(world, 'deliveries', { status: 'pending' })).filter(row => row['lease'] !== null).length

test('deliveries claimed ahead for an app that stops responding are given back within moments', async () => {
  await using world = await createWorld()
  const app = await world.app()
  await fastThen(world, app, 'hang')
  world.deps.worker.wake()
  await app.receiver.waitForAttempt(EVENTS / 3 + 1, 30_000)
  await eventually(async () => (await leased(world)) <= 128) // 32 quick slots, and slow slots of an app that has just responded
  await world.deps.outbound.hangUp()
})

test('a node that stops leaves no lease on a delivery that it did not send', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await fastThen(world, app, 'hang')
  {
    await using node = await nodeBeside(world)
    node.deps.worker.start()
    await app.receiver.waitForAttempt(EVENTS / 3 + 1, 30_000)
  }
  assert.equal(await leased(world), 0)
  const sent = app.receiver.attempts.length
  assert.ok(sent < EVENTS / 3 + 64, `${sent} were sent`)
})

test('nothing that was claimed ahead is sent after a 410', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await fastThen(world, app, { status: 410 })
  await world.deliver()
  const sent = app.receiver.attempts.length
  // 32 posts are in progress; each 200 that is recorded before the first 410 frees its slot for one more.
  assert.ok(sent < EVENTS / 3 + 64, `${sent} were sent`)
  assert.equal(await leased(world), 0)
  assert.equal(await world.deliver(), 0)
})
