import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announce, BEAT_MS, type Change, PROOF_MS } from '../../db/changes.ts'
import { createProof } from '../../db/proof.ts'
import { nodeBeside } from '../deliveries/node-beside.ts'
import { onPostgres } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { createWorld, type World } from '../support/world.ts'

/** Every change that the database reports, in order. */
function heardBy({ deps: { database } }: Pick<World, 'deps'>): Change[] {
  const heard: Change[] = []
  database.changes.listen(change => heard.push(change))
  return heard
}

test('a commit is heard in its own process before it returns, and soon by another; a rollback is never heard', async () => {
  await using world = await createWorld({ worker: false })
  await using other = await nodeBeside(world)
  const [here, there] = [heardBy(world), heardBy(other)]
  await other.deps.database.changes.start()
  await eventually(() => other.deps.database.changes.fresh())
  here.length = there.length = 0

  const { database } = world.deps
  await assert.rejects(
    database.transaction(async tx => {
      announce(tx, 'key:never')
      throw new Error('no')
    }),
  )
  await database.transaction(async tx => {
    announce(tx, 'key:abc')
    announce(tx, 'key:abc')
    announce(tx, 'installation:ins_1')
    assert.deepEqual(here, [])
  })
  assert.deepEqual(here, ['key:abc', 'installation:ins_1'])
  await eventually(() => there.length >= 2)
  await database.relaxed(async tx => announce(tx, 'app:app_1'))
  await eventually(() => there.length >= 3)
  assert.deepEqual(there, ['key:abc', 'installation:ins_1', 'app:app_1'])
  assert.deepEqual(here, there, 'a process hears its own change once')
})

test('thousands of simultaneous changes are all heard, in order', async () => {
  await using world = await createWorld({ worker: false })
  await using other = await nodeBeside(world)
  const there = heardBy(other)
  await other.deps.database.changes.start()
  there.length = 0
  const changes = Array.from({ length: 3_000 }, (_, index) => `key:${'h'.repeat(43)}${index}` as const)
  await world.deps.database.transaction(async tx => {
    for (const change of changes) announce(tx, change)
  })
  await eventually(() => there.length >= changes.length)
  assert.deepEqual(there, changes)
})

test('a commit that fails, or whose response is lost, is heard in its own process all the same', {
  skip: onPostgres,
}, async () => {
  await using world = await createWorld({ worker: false })
  const heard = heardBy(world)
  await assert.rejects(
    world.deps.database.transaction(async tx => {
      await tx.raw('pragma defer_foreign_keys = on')
      await tx('key_usage_hours').insert({ key_id: 'key_none', hour: 0, calls: 1 })
      announce(tx, 'key:abc')
    }),
    /FOREIGN KEY/,
  )
  assert.deepEqual(heard, ['key:abc'])
})

test('a change can be announced in a writing transaction only', async () => {
  await using world = await createWorld({ worker: false })
  await assert.rejects(world.deps.database.read(async tx => announce(tx, 'deliveries')))
})

test('a feed that never started or was stopped is never fresh', async () => {
  await using world = await createWorld({ worker: false })
  await using other = await nodeBeside(world)
  const { changes } = other.deps.database
  assert.equal(changes.fresh(), false)
  assert.equal(changes.connected(), false)
  await changes.start()
  await eventually(() => changes.fresh())
  assert.equal(changes.connected(), true)
  await changes.stop()
  assert.equal(changes.fresh(), false)
  assert.equal(changes.connected(), false)
})

test('a lost connection is noticed at once, and caches are cleared when it is back', {
  skip: !onPostgres,
}, async () => {
  await using world = await createWorld({ worker: false })
  const { changes, knex } = world.deps.database
  await eventually(() => changes.fresh())
  const heard = heardBy(world)
  const listening =
    "select pid from pg_stat_activity where datname = current_database() and application_name = 'latchkey changes'"
  const { rows } = await knex.raw<{ rows: { pid: number }[] }>(listening)
  assert.equal(rows.length, 2, 'one connection listens, one sends')
  await knex.raw('select pg_terminate_backend(?)', [rows[0]?.pid ?? 0])
  await eventually(() => heard.includes('anything'))
  await eventually(() => heard.filter(change => change === 'anything').length >= 2)
  await eventually(() => changes.fresh() && changes.connected())
})

test('changes swept before they were read count as a change of anything', { skip: onPostgres }, async () => {
  await using world = await createWorld({ worker: false })
  await using other = await nodeBeside(world)
  const there = heardBy(other)
  await other.deps.database.changes.start()
  await world.deps.database.transaction(async tx => {
    await tx('changes').insert({ origin: 'elsewhere', change: 'key:1' })
    await tx('changes').insert({ origin: 'elsewhere', change: 'key:2' })
    await tx('changes').where({ change: 'key:1' }).delete()
  })
  await eventually(() => there.includes('key:2'))
  assert.deepEqual(there, ['anything', 'key:2'])
})

test('changes do not pile up', { skip: onPostgres }, async () => {
  await using world = await createWorld({ worker: false })
  const many = Array.from({ length: 12_000 }, (_, index) => `key:${index}` as const)
  await world.deps.database.transaction(async tx => {
    for (const change of many) announce(tx, change)
  })
  for (let round = 0; round < 120; round += 1)
    await world.deps.database.transaction(async tx => announce(tx, `key:${round}`))
  const row = await world.deps.database.knex('changes').count({ count: '*' }).first()
  assert.ok(Number(row?.count) <= 10_200, String(row?.count))
})

test('a proof of freshness counts from its request, for less than a second', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  let asked = 0
  const proof = createProof(() => {
    asked += 1
  })
  proof.given(0)
  assert.equal(proof.fresh(), false, 'before the start')
  proof.start()
  assert.equal(asked, 1)
  proof.given(0)
  now = PROOF_MS - 1
  assert.equal(proof.fresh(), true)
  now = PROOF_MS
  assert.equal(proof.fresh(), false)
  assert.ok(PROOF_MS < 1_000)
  proof.given(now)
  proof.given(0)
  assert.equal(proof.fresh(), true, 'a late proof revokes nothing')
  proof.lost()
  assert.equal(proof.fresh(), false)
})

test('a proof is requested often while it is used, and rarely otherwise', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const pass = (ms: number) => {
    for (let gone = 0; gone < ms; gone += BEAT_MS) {
      now += BEAT_MS
      t.mock.timers.tick(BEAT_MS)
    }
  }
  let asked = 0
  const proof = createProof(() => {
    asked += 1
  })
  proof.start()
  pass(60_000)
  assert.ok(asked <= 6, `${asked} in an idle minute`)
  asked = 0
  proof.fresh()
  assert.equal(asked, 1, 'the first use requests a proof at once')
  for (let round = 0; round < 10; round += 1) {
    proof.fresh()
    pass(1_000)
  }
  assert.ok(asked >= 40, `${asked} in ten busy seconds`)
  asked = 0
  pass(60_000)
  assert.ok(asked < 35, `${asked}: rare again after a while`)
  proof.stop()
})
