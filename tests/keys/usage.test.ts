import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUsageRecorder } from '../../server/keys/usage-recorder.ts'
import { sweep } from '../../server/sweep.ts'
import { nodeBeside } from '../deliveries/node-beside.ts'
import { onPostgres } from '../support/database.ts'
import { keyAt, keysAt, rowsOf, stopClock } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

async function worldWithKeys(names = ['default']) {
  const world = await createWorld({ worker: false })
  const app = await world.app({ metadata: { managed_keys: names.map(name => ({ name })) } })
  const person = await world.person()
  const installed = await world.install(person, app)
  await world.deliver()
  const ids = (await rowsOf(world, 'keys')).map(row => String(row['id'])).sort()
  return {
    world,
    app,
    person,
    installed,
    ids,
    keyId: ids[0] ?? '',
    /** The calls of every key in all hours. */
    calls: async () => (await rowsOf(world, 'key_usage_hours')).reduce((sum, row) => sum + Number(row['calls']), 0),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

test('a batch has the permissions and addresses of the calls, each address in one spelling', async () => {
  await using setting = await worldWithKeys()
  const { world, app } = setting
  const key = keyAt(app)
  for (const ip of ['203.0.113.7', '::ffff:203.0.113.7', '::FFFF:cb00:7107', '2001:DB8:0:0::1', '2001:db8::1'])
    assert.equal((await world.verify(key, { permission: 'charges:read', ip }))['valid'], true)
  await world.verify(key)
  await world.verify(key, { permission: 'payouts:write', ip: '198.51.100.1' }) // refused
  await world.deps.usage.flush()
  const addresses = (await rowsOf(world, 'key_usage_addresses')).map(row => row['address'])
  assert.deepEqual(addresses.sort(), ['2001:db8::1', '203.0.113.7'])
  const permissions = (await rowsOf(world, 'key_usage_permissions')).map(row => row['permission'])
  assert.deepEqual(permissions.sort(), ['', 'charges:read'])
  assert.equal(await setting.calls(), 6)
})

test('verification writes nothing: the database is unchanged until the batch', async () => {
  await using setting = await worldWithKeys()
  const { world, app } = setting
  const before = await world.deps.database.knex('keys')
  const recorder = createUsageRecorder({ ...world.deps })
  recorder.note(setting.keyId, '203.0.113.7', 'charges:read')
  assert.deepEqual([await world.deps.database.knex('keys'), await setting.calls()], [before, 0])
  await recorder.stop()
  assert.equal(await setting.calls(), 1)
  assert.ok(keyAt(app))
})

test('the last use never goes back, whichever process writes first', async () => {
  await using setting = await worldWithKeys()
  const { world, keyId } = setting
  const now = world.clock.now()
  const [late, early] = [now, now - HOUR].map(at =>
    createUsageRecorder({ ...world.deps, clock: { now: () => at, monotonic: () => 0 } }),
  )
  late?.note(keyId, '203.0.113.7', 'charges:read')
  early?.note(keyId, '203.0.113.7', 'charges:read')
  await late?.flush()
  await early?.flush()
  const [key] = await rowsOf(world, 'keys')
  const [address] = await rowsOf(world, 'key_usage_addresses')
  const [permission] = await rowsOf(world, 'key_usage_permissions')
  assert.deepEqual([key?.['last_used_at'], address?.['seen_at'], permission?.['used_at']], [now, now, now])
})

test('two processes that write the same keys at the same moment: every call counts, without a deadlock', async () => {
  await using setting = await worldWithKeys(['first', 'second', 'third', 'fourth'])
  const { world, ids } = setting
  await using beside = await nodeBeside(world)
  const rounds = 25
  const use = async ({ deps }: { deps: typeof world.deps }, order: string[]) => {
    for (let round = 0; round < rounds; round += 1) {
      for (const id of order) deps.usage.note(id, `203.0.113.${round}`, 'charges:read')
      await deps.usage.flush()
    }
    await deps.usage.stop()
  }
  await Promise.all([use(world, ids), use(beside, ids.toReversed())])
  assert.equal(await setting.calls(), 2 * rounds * ids.length)
  assert.deepEqual(
    world.logs.filter(line => line.includes('could not be written')),
    [],
  )
})

test('a batch does not wait for a locked key: its last use is written with the next batch', async () => {
  if (!onPostgres) return // SQLite has one writer, so the batch waits
  await using setting = await worldWithKeys()
  const { world, keyId } = setting
  world.deps.usage.note(keyId, '203.0.113.7', 'charges:read')
  await world.deps.database.transaction(async tx => {
    await tx('keys').where({ id: keyId }).update({ note: 'held' })
    await world.deps.usage.flush()
    assert.equal(await setting.calls(), 1)
  })
  await world.deps.usage.flush()
  const [key] = await rowsOf(world, 'keys')
  assert.ok(key?.['last_used_at'])
  assert.equal(await setting.calls(), 1)
})

test('while the database is gone nothing is lost and nothing counts twice, and the log says so once', async () => {
  await using setting = await worldWithKeys(['first', 'second'])
  const { world, ids } = setting
  let gone = true
  const database: Pick<typeof world.deps.database, 'relaxed'> = {
    relaxed: work => (gone ? Promise.reject(new Error('gone')) : world.deps.database.relaxed(work)),
  }
  const recorder = createUsageRecorder({ ...world.deps, database })
  for (let round = 0; round < 300; round += 1) {
    for (const id of ids) recorder.note(id, `203.0.113.${round % 3}`, 'charges:read')
    await recorder.flush()
  }
  gone = false
  await recorder.flush()
  assert.equal(await setting.calls(), 300 * ids.length)
  assert.equal((await rowsOf(world, 'key_usage_addresses')).length, 3 * ids.length)
  assert.equal(world.logs.filter(line => line.includes('could not be written')).length, 1)
  await recorder.stop()
})

test('a key that no longer exists does not prevent the others from being written', async () => {
  await using setting = await worldWithKeys()
  const { world, keyId } = setting
  world.deps.usage.note('key_00000000000000000000000000', '203.0.113.7', 'charges:read')
  world.deps.usage.note(keyId, '203.0.113.7', 'charges:read')
  await world.deps.usage.flush()
  assert.equal(await setting.calls(), 1)
  assert.deepEqual(
    world.logs.filter(line => line.includes('could not be written')),
    [],
  )
})

test('thousands of keys between two batches are all written', async () => {
  await using setting = await worldWithKeys()
  const { world, keyId } = setting
  const { knex } = world.deps.database
  const [row] = await knex('keys')
  const rows = Array.from({ length: 3_000 }, (_, index) => ({
    ...row,
    id: `key_many${index}`,
    hash: `hash${index}`,
  }))
  await knex.batchInsert('keys', rows, 500)
  for (const { id } of rows) world.deps.usage.note(id, '203.0.113.7', 'charges:read')
  world.deps.usage.note(keyId, undefined, undefined)
  await world.deps.usage.flush()
  assert.equal(await setting.calls(), 3_001, world.logs.at(-1))
  assert.equal((await knex('keys').whereNull('last_used_at')).length, 0)
})

test('the uninstall page counts whole hours: 23 hours ago is within 24, 25 hours ago is not', async () => {
  await using setting = await worldWithKeys()
  const { world, app, person, installed } = setting
  const start = Date.parse('2040-01-31T12:59:59.999Z') // the last millisecond of its hour
  stopClock(world, start)
  await world.verify(keyAt(app))
  world.clock.now = () => start + 1
  await world.verify(keyAt(app))
  await world.deps.usage.flush()
  assert.equal((await rowsOf(world, 'key_usage_hours')).length, 2)
  const numbers = async (now: number) => {
    stopClock(world, now)
    await world.deps.database.knex('sessions').update({ expires_at: now + 30 * DAY, seen_at: now })
    const page = await person.browser.get(`/apps/${installed.id}/uninstall`)
    return [...page.text.matchAll(/data-label="(?:24 hours|7 days)">(.*?)</g)].map(([, text]) => text)
  }
  assert.deepEqual(await numbers(start + 1), ['2', '2'])
  assert.deepEqual(await numbers(start + 23 * HOUR), ['2', '2'])
  assert.deepEqual(await numbers(start + 25 * HOUR), ['1', '2'])
  assert.deepEqual(await numbers(start + 1 + 25 * HOUR), ['0', '2'])
  assert.deepEqual(await numbers(start + 7 * DAY + HOUR), ['0', '1'])
  assert.deepEqual(await numbers(start + 8 * DAY), ['0', '0'])
})

test('use older than 90 days is swept, and the latest thousand addresses of a key stay', async () => {
  await using setting = await worldWithKeys()
  const { world, app, keyId } = setting
  await world.verify(keyAt(app), { permission: 'charges:read', ip: '203.0.113.7' })
  await world.deps.usage.flush()
  world.clock.advance(91 * DAY)
  const now = world.clock.now()
  const rows = Array.from({ length: 1_200 }, (_, index) => ({
    key_id: keyId,
    address: `2001:db8::${index.toString(16)}`,
    seen_at: now - index,
  }))
  await world.deps.database.knex.batchInsert('key_usage_addresses', rows, 200)
  world.deps.usage.note(keyId, '2001:db8::0', 'charges:write')
  await world.deps.usage.flush()

  assert.ok((await sweep(world.deps)).usage >= 3 + 200)
  assert.equal(await setting.calls(), 1)
  assert.deepEqual(
    (await rowsOf(world, 'key_usage_permissions')).map(row => row['permission']),
    ['charges:write'],
  )
  const left = (await rowsOf(world, 'key_usage_addresses')).map(row => String(row['address']))
  assert.ok(left.length <= 1_001 && left.includes('2001:db8::1') && !left.includes('203.0.113.7'))
  assert.ok(keysAt(app).length > 0)
})
