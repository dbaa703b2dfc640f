import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replaceLeakedKeys } from '../../server/key-life/replace-leaked-keys.ts'
import { reportLeak } from '../../server/key-life/report-leak.ts'
import { clearFrozen, setFrozen } from '../../server/keys/freeze-key.ts'
import { rowsOf, uninstall } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'
import { DAY, installManaged, keyRow } from './key-steps.ts'

const MINUTE = 60_000

/** The state that a process leaves if it dies between the freeze and the replacement. */
async function freezeOnly({ deps: { database, clock } }: World, keyId: string): Promise<void> {
  const freeze = { by: 'leak_report', until: null, at: clock.now() } as const
  assert.ok(await database.transaction(tx => setFrozen(tx, keyId, freeze)))
}

/** On PostgreSQL: until somebody waits for a locked row. SQLite lets nobody begin meanwhile. */
async function somebodyWaits({ deps: { database } }: World): Promise<void> {
  if (database.kind === 'sqlite') return
  for (let looks = 0; looks < 10_000; looks += 1) {
    const waiting = await database
      .knex('pg_stat_activity')
      .whereRaw('datname = current_database()')
      .where({ wait_event_type: 'Lock' })
    if (waiting.length > 0) return
  }
  throw new Error('nobody waited')
}

test('a leak reported while its account unfreezes the key is not lost', async () => {
  await using world = await createWorld()
  const { app, person, key, keyId } = await installManaged(world)
  await person.browser.post(`/keys/${keyId}/freeze`, { days: '7' })
  const { database, clock } = world.deps
  let report: Promise<void> | undefined
  await database.transaction(async tx => {
    assert.ok(await clearFrozen(tx, keyId, clock.now()))
    report = reportLeak(world.deps, key, '192.0.2.1')
    await somebodyWaits(world)
  })
  await report
  assert.equal((await world.verify(key))['code'], 'expired')
  const rotated = await app.receiver.waitFor('managed_key.rotated')
  assert.equal(rotated.body.data.reason, 'leaked')
})

test('a process that dies between the freeze and the replacement leaves no platform without a key', async () => {
  await using world = await createWorld()
  const { app, key, keyId } = await installManaged(world)
  await freezeOnly(world, keyId)
  assert.ok(await replaceLeakedKeys(world.deps), 'a later run is scheduled')
  assert.equal((await world.verify(key))['code'], 'frozen', 'the process that took the report has a minute for it')
  world.clock.advance(MINUTE)
  await Promise.all([replaceLeakedKeys(world.deps), replaceLeakedKeys(world.deps)])
  assert.equal(await replaceLeakedKeys(world.deps), undefined)
  const rotated = await app.receiver.waitFor('managed_key.rotated')
  assert.equal(rotated.body.data.reason, 'leaked')
  assert.equal((await world.verify(key))['code'], 'expired')
  assert.equal((await world.verify(rotated.key ?? ''))['valid'], true)
  assert.equal((await rowsOf(world, 'keys')).length, 2, 'one key replaces it, not two')
})

test('a leaked key that was unfrozen, or kept after an uninstall, is not replaced', async () => {
  await using world = await createWorld()
  const { person, id, keyId } = await installManaged(world)
  const { deps, clock } = world
  await freezeOnly(world, keyId)
  assert.ok(await deps.database.transaction(tx => clearFrozen(tx, keyId, clock.now())))
  clock.advance(MINUTE)
  assert.equal(await replaceLeakedKeys(deps), undefined)
  await freezeOnly(world, keyId)
  await uninstall(person, id, { keys: 'keep' })
  clock.advance(DAY)
  assert.equal(await replaceLeakedKeys(deps), undefined)
  assert.equal((await keyRow(world, keyId))['status'], 'active')
  assert.equal((await rowsOf(world, 'keys')).length, 1)
})
