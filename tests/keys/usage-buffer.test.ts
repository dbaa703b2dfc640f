import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUsageBuffer, hoursOf } from '../../server/keys/usage-buffer.ts'

const HOUR = 3_600_000
const NOON = Date.parse('2030-01-31T12:00:00Z')
const keyName = (index: number) => `key_${String(index).padStart(8, '0')}`
const callsOf = (use: Parameters<typeof hoursOf>[0]) => hoursOf(use).reduce((sum, [, calls]) => sum + calls, 0)

test('calls count in their hour, to the millisecond, also when the clock goes back', () => {
  const buffer = createUsageBuffer()
  for (const at of [NOON - 1, NOON, NOON + HOUR - 1, NOON + HOUR, NOON - 2, NOON + HOUR])
    buffer.note('key_1', at, undefined, undefined)
  const { uses } = buffer.take()
  assert.deepEqual(
    uses.map(use => [use.keyId, use.lastAt]),
    [['key_1', NOON + HOUR]],
  )
  assert.deepEqual(
    new Map(uses.flatMap(hoursOf)),
    new Map([
      [NOON - HOUR, 2],
      [NOON, 2],
      [NOON + HOUR, 2],
    ]),
  )
})

test('a million keys between two batches: memory is bounded, older keys keep their counts, the rest is reported', () => {
  const buffer = createUsageBuffer({ detailed: 1_000, counted: 10_000, names: 5 })
  for (let index = 0; index < 1_000_000; index += 1) buffer.note(keyName(index), NOON, '203.0.113.7', 'charges:read')
  assert.ok(buffer.size() <= 11_000)
  const { uses, undetailedKeys, lostCalls } = buffer.take()
  assert.equal(
    uses.reduce((sum, use) => sum + callsOf(use), lostCalls),
    1_000_000,
  )
  assert.ok(lostCalls > 0 && undetailedKeys > 0)
  const last = uses.find(use => use.keyId === keyName(999_999))
  assert.deepEqual(
    [last?.addresses, last?.permissions],
    [[{ name: '203.0.113.7', at: NOON }], [{ name: 'charges:read', at: NOON }]],
  )
  assert.deepEqual([buffer.size(), buffer.take()], [0, { uses: [], undetailedKeys: 0, lostCalls: 0 }])
})

test('a million addresses of one key between two batches: every call counts, and a few addresses are kept', () => {
  const buffer = createUsageBuffer()
  for (let index = 0; index < 1_000_000; index += 1)
    buffer.note('key_1', NOON, `2001:db8::${index.toString(16)}`, undefined)
  const [use] = buffer.take().uses
  assert.ok(use)
  assert.deepEqual([callsOf(use), use.addresses.length], [1_000_000, 20])
})

test('a batch that failed is merged with later calls, and nothing counts twice', () => {
  const buffer = createUsageBuffer({ detailed: 2, counted: 10, names: 20 })
  buffer.note('key_1', NOON - HOUR, '203.0.113.1', 'charges:read')
  buffer.note('key_2', NOON, '203.0.113.2', undefined)
  const { uses } = buffer.take()
  buffer.note('key_1', NOON, '203.0.113.9', 'charges:write')
  buffer.note('key_3', NOON, undefined, undefined)
  buffer.putBack(uses)
  const again = buffer.take()
  assert.deepEqual(
    again.uses.map(use => [use.keyId, callsOf(use), use.addresses.length]),
    [
      ['key_1', 2, 2],
      ['key_2', 1, 0],
      ['key_3', 1, 0],
    ],
  )
  assert.deepEqual([again.undetailedKeys, again.lostCalls], [1, 0])
})

test('batches are in the order of their keys, whichever was used first', () => {
  const buffer = createUsageBuffer({ detailed: 3, counted: 10, names: 20 })
  for (const keyId of ['key_5', 'key_3', 'key_4', 'key_1', 'key_2']) buffer.note(keyId, NOON, undefined, undefined)
  assert.deepEqual(
    buffer.take().uses.map(use => use.keyId),
    ['key_1', 'key_2', 'key_3', 'key_4', 'key_5'],
  )
})
