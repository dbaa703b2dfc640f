import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPulses } from '../../server/base/pulses.ts'
import { createRunner } from '../../server/base/runner.ts'
import { eventually } from '../support/eventually.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

function pulsesAt() {
  const time = { now: 0 }
  return { time, pulses: createPulses({ monotonic: () => time.now }) }
}

test('a loop is reported as stuck after its planned sleep and its patience, until its next progress', () => {
  const { time, pulses } = pulsesAt()
  assert.equal(pulses.any(), false)
  const pulse = pulses.start('deliveries', 30)
  assert.equal(pulses.any(), true)
  pulse.expect(60)
  time.now = 90
  assert.deepEqual(pulses.ill(), [])
  time.now = 91
  assert.deepEqual(pulses.ill(), ['deliveries'])
  pulse.begin()
  assert.deepEqual(pulses.ill(), ['deliveries'], 'starting a round is no progress')
  pulse.expect(0)
  assert.deepEqual(pulses.ill(), [])
})

test('a round that begins early is expected to end early', () => {
  const { time, pulses } = pulsesAt()
  const pulse = pulses.start('deliveries', 30)
  pulse.expect(1_000)
  pulse.begin()
  time.now = 31
  assert.deepEqual(pulses.ill(), ['deliveries'])
})

test('a loop that ended by itself stays reported; one that was stopped is removed', () => {
  const { pulses } = pulsesAt()
  pulses.start('mails', 30).end(true)
  assert.deepEqual([pulses.any(), pulses.ill()], [false, []])
  pulses.start('mails', 30).end(false)
  assert.deepEqual([pulses.any(), pulses.ill()], [true, ['mails']])
})

test('child processes use the report of the primary process', () => {
  const { pulses } = pulsesAt()
  pulses.told(['deliveries'])
  assert.deepEqual([pulses.any(), pulses.ill()], [true, ['deliveries']])
  pulses.told([])
  assert.deepEqual([pulses.any(), pulses.ill()], [true, []])
})

test('a runner whose work hangs is reported as stuck; one whose work progresses or fails is not', async () => {
  const { time, pulses } = pulsesAt()
  const hanging = Promise.withResolvers<undefined>()
  const failing = { runs: 0 }
  let progress = (): void => undefined
  const runner = (name: string, work: (progress: () => void) => Promise<undefined>) =>
    createRunner({ clock: { now: () => 0, monotonic: () => time.now }, log: SILENT, name, pulses, work })
  const runners = [
    runner('hangs', () => hanging.promise),
    runner('long', async tell => {
      progress = tell
      return await hanging.promise
    }),
    runner('fails', async () => {
      failing.runs += 1
      throw new Error('no')
    }),
  ]
  for (const each of runners) each.start()
  try {
    await eventually(() => failing.runs === 1)
    time.now = 9 * 60_000
    progress()
    assert.deepEqual(pulses.ill(), [])
    time.now = 10 * 60_000 + 1
    assert.deepEqual(pulses.ill(), ['hangs'])
  } finally {
    hanging.resolve(undefined)
    await Promise.all(runners.map(each => each.stop()))
  }
  assert.equal(pulses.any(), false)
})
