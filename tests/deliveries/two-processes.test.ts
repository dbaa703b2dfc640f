import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld } from '../support/world.ts'
import { crowd } from './crowd.ts'
import { startServer } from './server-process.ts'

test('two processes on one database never send one event at the same time, and skip none', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const other = await world.app()
  await using first = await startServer(world, { ROLES: 'web,worker' })
  await using second = await startServer(world, { ROLES: 'web,worker' })
  assert.notEqual(first.url, second.url)
  await crowd(world, app, 300)
  await crowd(world, other, 300)
  for (const { receiver } of [app, other]) {
    await receiver.waitFor('installation.updated', 300, 60_000)
    const sent = receiver.attempts.map(({ event }) => event?.id)
    assert.deepEqual([sent.length, new Set(sent).size], [300, 300])
  }
})
