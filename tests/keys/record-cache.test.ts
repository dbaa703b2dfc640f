import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createRecordCache, type RecordSource } from '../../server/keys/record-cache.ts'

type Found = { id: string; version: number }

/** A source of records whose reads, freshness and time the test controls. */
function sourceOf(records: Map<string, Found>, bounds: Partial<RecordSource<Found>> = {}) {
  const state = { trusted: true, now: 0, reads: 0 }
  const cache = createRecordCache<Found>({
    load: async id => {
      state.reads += 1
      const found = records.get(id) // the state when the read begins
      await null
      return found
    },
    trusted: () => state.trusted,
    elapsed: () => state.now,
    most: 1_000,
    mostUnknown: 100,
    unknownFor: 5_000,
    ...bounds,
  })
  return { cache, state }
}

const one = () => new Map([['a', { id: 'a', version: 1 }]])

test('a record is read once and then returned from memory while copies are fresh', async () => {
  const { cache, state } = sourceOf(one())
  assert.deepEqual(await cache.lookup('a'), { id: 'a', version: 1 })
  assert.deepEqual(cache.lookup('a'), { id: 'a', version: 1 }, 'no promise: it is in memory')
  assert.equal(state.reads, 1)
})

test('while copies are not fresh, every lookup is a read', async () => {
  const records = one()
  const { cache, state } = sourceOf(records)
  await cache.lookup('a')
  state.trusted = false
  records.set('a', { id: 'a', version: 2 })
  state.now += 1_000
  assert.equal((await cache.lookup('a'))?.version, 2)
  state.now += 1_000
  assert.equal((await cache.lookup('a'))?.version, 2)
  assert.equal(state.reads, 3)
})

test('a change that is heard during a read: the old state is never kept', async () => {
  for (const hear of ['forget', 'forgetGroup', 'forgetAll'] as const) {
    const records = one()
    const { cache } = sourceOf(records)
    const early = cache.lookup('a')
    records.set('a', { id: 'a', version: 2 })
    if (hear === 'forget') cache.forget('a')
    else if (hear === 'forgetGroup') cache.forgetGroup('another')
    else cache.forgetAll()
    const after = cache.lookup('a')
    assert.equal((await early)?.version, 2, 'it is read again for the lookup before the change')
    assert.equal((await after)?.version, 2, `${hear}: a later lookup must not get the old state`)
    assert.equal((await cache.lookup('a'))?.version, 2)
  }
})

test('a change of a group forgets exactly its records, in both halves, and not later reads', async () => {
  const records = new Map(['a', 'b', 'c', 'd'].map(id => [id, { id, version: 1 }]))
  const groups = [({ id }: Found) => (id === 'd' ? null : `1${id}`), ({ id }: Found) => (id === 'b' ? '2b' : '2other')]
  const { cache, state } = sourceOf(records, { most: 6, groups })
  for (const id of records.keys()) await cache.lookup(id) // `a` to `c` are in the old half
  cache.forgetGroup('2other')
  assert.ok(!(cache.lookup('b') instanceof Promise))
  for (const id of ['a', 'd']) assert.equal(await cache.lookup(id), records.get(id))
  assert.equal(state.reads, 6)
  cache.forgetGroup('1b')
  assert.ok(!(cache.lookup('a') instanceof Promise) && !(cache.lookup('d') instanceof Promise))
  assert.ok(cache.lookup('b') instanceof Promise)
})

test('however many groups change, a changed record is never returned from memory, and others are', async () => {
  const records = new Map(['a', 'b'].map(id => [id, { id, version: 1 }]))
  const { cache, state } = sourceOf(records, { groups: [({ id }) => id] })
  for (const id of records.keys()) await cache.lookup(id)
  cache.forgetGroup('a')
  for (let index = 0; index < 25_000; index += 1) cache.forgetGroup(`other ${index}`)
  assert.equal(cache.size, 1)
  assert.ok(!(cache.lookup('b') instanceof Promise) && cache.lookup('a') instanceof Promise)
  assert.equal(state.reads, 3)
})

test('a change of one group costs the same however many records are cached', async () => {
  const { cache } = sourceOf(new Map(), {
    most: 30_000,
    load: async id => ({ id, version: 1 }),
    groups: [({ id }) => id],
  })
  for (let index = 0; index < 25_000; index += 1) void cache.lookup(`key ${index}`)
  await new Promise(setImmediate)
  const began = performance.now()
  for (let index = 0; index < 5_000; index += 1) cache.forgetGroup(`installation ${index}`)
  const ms = performance.now() - began
  assert.ok(ms < 1_000, `${ms} ms for 5,000 changes; going through all copies takes 1 ms each`)
})

test('simultaneous lookups share one read; without freshness, a lookup never uses a read that began before it', async () => {
  const { cache, state } = sourceOf(one())
  const all = Array.from({ length: 50 }, () => cache.lookup('a'))
  await Promise.all(all)
  assert.equal(state.reads, 1)
  state.trusted = false
  const early = cache.lookup('a')
  state.now += 1_000
  const late = cache.lookup('a')
  await Promise.all([early, late])
  assert.equal(state.reads, 3)
})

test('reads slower than the interval of lookups still fill the cache', async () => {
  const { cache, state } = sourceOf(one())
  const asked = Array.from({ length: 10 }, () => {
    state.now += 1_000
    return cache.lookup('a')
  })
  await Promise.all(asked)
  assert.equal(state.reads, 1, 'all wait for the first one')
  assert.equal(cache.size, 1)
})

test('a record that changes all the time is returned all the same, and not cached', async () => {
  const records = one()
  let reads = 0
  const { cache } = sourceOf(records, {
    load: async id => {
      reads += 1
      const found = records.get(id)
      await null
      cache.forget(id)
      return found
    },
  })
  assert.equal((await cache.lookup('a'))?.version, 1)
  assert.ok(reads > 1 && reads < 10)
  assert.equal(cache.size, 0)
})

test('a read that fails rejects every waiting lookup, and the next one retries', async () => {
  let broken = true
  const { cache } = sourceOf(one(), {
    load: async () => {
      if (broken) throw new Error('the database is gone')
      return { id: 'a', version: 1 }
    },
  })
  await assert.rejects(async () => await cache.lookup('a'), /gone/)
  broken = false
  assert.equal((await cache.lookup('a'))?.version, 1)
})

test('100,000 unknown ids do not displace known records and use almost no memory', async () => {
  const { cache, state } = sourceOf(one(), { mostUnknown: 1_000 })
  await cache.lookup('a')
  const before = memory()
  for (let index = 0; index < 100_000; index += 1) {
    const found = cache.lookup(`unknown ${index}`)
    if (index % 1_000 === 0) assert.equal(await found, undefined)
  }
  await null
  assert.ok(memory() - before < 8_000_000, `${memory() - before} bytes more`)
  assert.equal(cache.size, 1)
  assert.ok(!(cache.lookup('a') instanceof Promise), 'still in memory')
  const reads = state.reads
  await cache.lookup('unknown 0')
  assert.equal(state.reads, reads + 1, 'displaced by later ones')
})

test('an unknown id is looked up again after a while', async () => {
  const records = one()
  const { cache, state } = sourceOf(records)
  assert.equal(await cache.lookup('b'), undefined)
  assert.equal(cache.lookup('b'), undefined)
  records.set('b', { id: 'b', version: 1 })
  state.now += 5_000
  assert.equal((await cache.lookup('b'))?.version, 1)
})

test('the bound is kept, and what is used stays longer than what is not', async () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => `id ${index}`)
  const { cache } = sourceOf(new Map(ids.map(id => [id, { id, version: 1 }])))
  for (const id of ids) {
    await cache.lookup(id)
    await cache.lookup('id 0')
    assert.ok(cache.size <= 1_000)
  }
  assert.ok(!(cache.lookup('id 0') instanceof Promise), 'used all the time')
  assert.ok(cache.lookup('id 1') instanceof Promise, 'not used since')
})

/** Bytes in use after a garbage collection. */
function memory(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
