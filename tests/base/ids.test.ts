import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIds, isId } from '../../server/base/ids.ts'
import { systemRandom } from '../../server/base/random.ts'

test('ids: a prefix and a part that sorts by time', () => {
  let now = 1_900_000_000_000
  const ids = createIds({ now: () => now, monotonic: () => 0 }, systemRandom)
  const made = Array.from({ length: 200 }, () => {
    now += 1
    return ids.next('ins')
  })
  assert.deepEqual(made, made.toSorted())
  for (const id of made) assert.match(id, /^ins_[0-9a-z]{26}$/)
})

test('ids: two ids of the same millisecond differ', () => {
  const ids = createIds({ now: () => 1_900_000_000_000, monotonic: () => 0 }, systemRandom)
  assert.equal(new Set(Array.from({ length: 5_000 }, () => ids.next('key'))).size, 5_000)
})

test('ids: malformed ids are rejected without a query', () => {
  const id = createIds({ now: () => 0, monotonic: () => 0 }, systemRandom).next('app')
  assert.equal(isId('app', id), true)
  const wrong = [
    id.replace('app', 'key'),
    `${id}0`,
    id.slice(0, -1),
    id.toUpperCase(),
    `${id}\n`,
    '',
    undefined,
    7,
    [id],
  ]
  for (const text of wrong) assert.equal(isId('app', text), false, String(text))
})
