import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClockWatch } from '../../server/base/clock-watch.ts'

function set() {
  let [wall, passed] = [1_900_000_000_000, 5]
  return {
    clock: { now: () => wall, monotonic: () => passed },
    wait: (ms: number) => {
      wall += ms
      passed += ms
    },
    turn: (ms: number) => {
      wall += ms
    },
  }
}

test('a running clock reports no step, however long nobody reads it', () => {
  const { clock, wait } = set()
  const watch = createClockWatch(clock)
  wait(86_400_000)
  assert.equal(watch.step(), 0)
})

test('a step is reported until it is accepted, and steps add up', () => {
  const { clock, wait, turn } = set()
  const watch = createClockWatch(clock)
  turn(-3_600_000)
  wait(500)
  assert.deepEqual([watch.step(), watch.step()], [-3_600_000, -3_600_000])
  turn(1_000)
  watch.accept(-3_600_000)
  assert.equal(watch.step(), 1_000)
  watch.accept(1_000)
  assert.equal(watch.step(), 0)
})

test('a clock that is slewed reports no step', () => {
  const { clock, wait, turn } = set()
  const watch = createClockWatch(clock)
  for (let second = 0; second < 100; second += 1) {
    wait(1_000)
    turn(-50)
    assert.equal(watch.step(), 0)
  }
})
