import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as settled } from 'node:timers/promises'
import { createRunner } from '../../server/base/runner.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

/** The number of runs in a minute of a runner that finds no work. */
async function runsInAMinute(t: TestContext, heard: () => boolean): Promise<number> {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  let runs = 0
  const work = async () => {
    runs += 1
    return undefined
  }
  const runner = createRunner({
    clock: { now: () => now, monotonic: () => now },
    log: SILENT,
    name: 'test',
    work,
    heard,
  })
  runner.start()
  for (; now < 60_000; now += 500) {
    await settled()
    t.mock.timers.tick(500)
  }
  const stopped = runner.stop()
  await settled()
  await stopped
  return runs
}

test('a runner whose wake-ups are heard sleeps while no work is due', async t =>
  assert.equal(await runsInAMinute(t, () => true), 1))

test('a runner whose wake-ups are not heard polls every two seconds', async t => {
  const runs = await runsInAMinute(t, () => false)
  assert.ok(runs >= 25 && runs <= 31, String(runs))
})
