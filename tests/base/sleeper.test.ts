import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as settled } from 'node:timers/promises'
import { createPulses } from '../../server/base/pulses.ts'
import { createSleeper, type Sleeper } from '../../server/base/sleeper.ts'

/** A loop whose rounds call `round`, on a clock that only the test advances. */
function startLoop(t: TestContext, round: (sleeper: Sleeper, number: number) => Promise<void>) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const sleeper = createSleeper({ name: 'test', patience: 1_000 })
  let rounds = 0
  sleeper.start(async () => {
    rounds += 1
    await round(sleeper, rounds)
  })
  return {
    sleeper,
    rounds: () => rounds,
    pass: async (ms: number) => {
      await settled()
      t.mock.timers.tick(ms)
      await settled()
    },
  }
}

test('a sleep ends when its time is over or when it is woken, and a round follows', async t => {
  const loop = startLoop(t, sleeper => sleeper.sleep(100))
  await loop.pass(99)
  assert.equal(loop.rounds(), 1)
  await loop.pass(1)
  assert.equal(loop.rounds(), 2)
  loop.sleeper.wake()
  await loop.pass(0)
  assert.equal(loop.rounds(), 3)
  await loop.sleeper.stop()
})

test('a wake-up during a round is not lost: the sleep after that round does not begin', async t => {
  const loop = startLoop(t, async (sleeper, number) => {
    if (number === 1) sleeper.wake()
    await sleeper.sleep(100)
  })
  await loop.pass(0)
  assert.equal(loop.rounds(), 2)
  await loop.sleeper.stop()
})

test('a delay lasts for its whole time, however often the loop is woken', async t => {
  const loop = startLoop(t, sleeper => sleeper.rest(100))
  loop.sleeper.wake()
  await loop.pass(99)
  assert.equal(loop.rounds(), 1)
  await loop.pass(1)
  assert.equal(loop.rounds(), 2)
  await loop.sleeper.stop()
})

for (const kind of ['sleep', 'delay', 'rest'] as const)
  test(`a stop ends a ${kind} and waits for the round; no further round or sleep follows`, async t => {
    let ended = 0
    const loop = startLoop(t, async sleeper => {
      await sleeper[kind](100)
      await sleeper[kind](100)
      ended += 1
    })
    await loop.pass(0)
    await loop.sleeper.stop()
    loop.sleeper.wake()
    assert.deepEqual([loop.rounds(), ended, loop.sleeper.isStopped()], [1, 1, true])
  })

test('a sleep counts as progress; a delay after a fault does not', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  const pulses = createPulses({ monotonic: () => now })
  const sleeper = createSleeper({ name: 'test', patience: 1_000, pulses })
  let faulty = false
  sleeper.start(() => (faulty ? sleeper.delay(800) : sleeper.sleep(5_000)))
  await settled()
  now = 5_900
  assert.deepEqual(pulses.ill(), [])
  faulty = true
  for (const step of [0, 800, 800]) {
    now += step
    t.mock.timers.tick(5_000)
    await settled()
  }
  assert.deepEqual(pulses.ill(), ['test'])
  await sleeper.stop()
  assert.deepEqual(pulses.ill(), [])
})
