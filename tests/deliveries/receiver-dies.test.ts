import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyAt, rowsOf } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'

/** Seconds between attempts, each ±20 % (docs/wire.md#acknowledging-and-retries). */
const WAITS = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map(seconds => seconds * 1_200)

/** The number of attempts when the receiver comes up after these waits. */
async function waitThrough(world: World, waits: readonly number[]): Promise<number> {
  let made = await world.deliver()
  for (const wait of waits) {
    world.clock.advance(wait)
    made += await world.deliver()
  }
  return made
}

test('a receiver that is down for the whole schedule: ten attempts, then both sides know and no key is left', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const { id } = await world.install(await world.person(), app)
  await app.receiver.close()
  assert.equal(await waitThrough(world, WAITS), 10)
  const attempts = await rowsOf(world, 'delivery_attempts')
  assert.deepEqual(new Set(attempts.map(({ error }) => error)), new Set(['connect']))
  const [installation] = await rowsOf(world, 'installations', { id })
  assert.equal(installation?.['status'], 'delivery_failed')
  assert.deepEqual(
    (await rowsOf(world, 'keys')).map(({ status }) => status),
    ['expired'],
  )
  assert.equal(await waitThrough(world, WAITS), 0)
})

test('a receiver that is up again at the last attempt of the schedule gets its key', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  app.receiver.behave('ok', ...WAITS.map(() => ({ status: 503 })))
  await world.install(await world.person(), app)
  assert.equal(await waitThrough(world, WAITS), 11)
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

test('a receiver that responds 204 and dies has acknowledged: the event is not sent again', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  app.receiver.behave('ok', { raw: 'HTTP/1.1 204 No Content\r\n\r\n' })
  const { id } = await world.install(await world.person(), app)
  await world.deliver()
  await app.receiver.close()
  assert.equal(await waitThrough(world, WAITS), 0)
  const [installation] = await rowsOf(world, 'installations', { id })
  assert.equal(installation?.['status'], 'active')
  const lost = app.receiver.attempts.at(-1)?.event?.key ?? ''
  assert.equal((await world.verify(lost))['valid'], true)
})

test('a connection that closes before the headers are complete acknowledges nothing: the same event is sent again', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  app.receiver.behave('ok', { raw: 'HTTP/1.1 200 OK\r\n' })
  await world.install(await world.person(), app)
  await waitThrough(world, WAITS.slice(0, 1))
  const [, cut, again] = app.receiver.attempts
  assert.equal(again?.event?.id, cut?.event?.id)
  assert.equal(again?.raw, cut?.raw)
  const attempts = await world.deps.database.knex('delivery_attempts').orderBy('at').pluck('error')
  assert.deepEqual(attempts, [null, 'aborted', null])
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

test('a connection that closes in the middle of the body has acknowledged: the event is not sent again', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  app.receiver.behave('ok', { raw: 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthank' })
  await world.install(await world.person(), app)
  await waitThrough(world, WAITS.slice(0, 1))
  const attempts = await world.deps.database.knex('delivery_attempts').orderBy('at').select('status', 'error', 'answer')
  assert.deepEqual(attempts[1], { status: 200, error: null, answer: 'thank' })
  assert.equal(app.receiver.attempts.length, 2)
})
