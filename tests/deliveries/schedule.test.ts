import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '../../server/base/random.ts'
import { readConfig } from '../../server/config.ts'
import { nextStep } from '../../server/deliveries/schedule.ts'
import { rowsOf } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

const M = 60
const H = 60 * M
const DEFAULT = [5, 5 * M, 30 * M, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H]
const fraction = (value: number) => ({ ...systemRandom, fraction: () => value })

test('the default schedule is the documented one', () => {
  assert.deepEqual(readConfig({}).retrySchedule, DEFAULT)
})

test('each wait is drawn from ±20 %, and after the last there is none', () => {
  for (const [index, seconds] of DEFAULT.entries()) {
    const attempts = index + 1
    assert.deepEqual(nextStep(DEFAULT, attempts, undefined, 0, fraction(0)), { at: seconds * 800 })
    assert.deepEqual(nextStep(DEFAULT, attempts, undefined, 0, fraction(0.5)), { at: seconds * 1_000 })
    assert.deepEqual(nextStep(DEFAULT, attempts, undefined, 0, fraction(1)), { at: seconds * 1_200 })
  }
  assert.equal(nextStep(DEFAULT, 10, undefined, 0, fraction(0.5)), 'exhausted')
  assert.equal(nextStep(DEFAULT, 10, '60', 0, fraction(0.5)), 'exhausted')
})

test('a dead receiver is tried ten times, each time exactly when due', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  app.receiver.behave(...Array.from({ length: 20 }, () => ({ status: 500 })))
  await world.install(await world.person(), app)
  const waits: number[] = []
  for (;;) {
    await world.deliver()
    const [pending] = await rowsOf(world, 'deliveries', { sequence: 1, status: 'pending' })
    if (!pending) break
    const [last] = await world.deps.database
      .knex('delivery_attempts')
      .where({ delivery_id: pending['id'] })
      .orderBy('number', 'desc')
    const due = Number(pending['next_attempt_at'])
    waits.push((due - last.at) / 1_000)
    world.clock.advance(due - world.clock.now() - 500)
    assert.equal(await world.deliver(), 0, 'nothing is sent half a second early')
    world.clock.advance(1_000)
  }
  assert.equal(app.receiver.attempts.length, 10)
  assert.equal(waits.length, 9)
  for (const [index, seconds] of DEFAULT.entries()) {
    const wait = waits[index] ?? 0
    assert.ok(wait >= seconds * 0.8 && wait <= seconds * 1.2, `wait ${index + 1} is ${wait} s, planned ${seconds} s`)
  }
  assert.ok(new Set(waits.map((wait, index) => (wait / (DEFAULT[index] ?? 1)).toFixed(4))).size > 1, 'jitter')
})

test('RETRY_SCHEDULE replaces the schedule', async () => {
  await using world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '1,1' } })
  const app = await world.app()
  app.receiver.behave(...Array.from({ length: 9 }, () => ({ status: 500 })))
  await world.install(await world.person(), app)
  for (let round = 0; round < 5; round += 1) {
    await world.deliver()
    world.clock.advance(1_300)
  }
  assert.equal(app.receiver.attempts.length, 3)
  const [installation] = await rowsOf(world, 'installations')
  assert.equal(installation?.['status'], 'delivery_failed')
})
