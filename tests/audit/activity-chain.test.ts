import assert from 'node:assert/strict'
import { createSecretKey, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { CompactSign, generateKeyPair } from 'jose'
import { hashEntry, sealHead } from '../../server/audit/activity-chain.ts'
import type { ActivityRow as Row } from '../../server/audit/activity-store.ts'
import { listHeadless } from '../../server/audit/activity-store.ts'
import { listCheckpoints, makeCheckpoints, readCheckpoints } from '../../server/audit/checkpoints.ts'
import { type Act, recordActivity } from '../../server/audit/record-activity.ts'
import { verifyActivity } from '../../server/audit/verify-activity.ts'
import { DAY } from '../../server/base/clock.ts'
import { everySigningKey, rotateSigningKeys } from '../../server/oauth/signing-keys.ts'
import { onPostgres } from '../support/database.ts'
import { createWorld, type World } from '../support/world.ts'

const act = (object: string): Act => ({
  actor: { type: 'user', id: 'usr_tests', ip: '203.0.113.7' },
  what: 'tests.done',
  object,
  at: 1_900_000_000_000,
  data: { reason: 'a test', count: 1, of: ['a', 'b'], none: null },
})

/** A world with one account whose log has `length` entries. */
async function worldWithLog(length: number): Promise<{ world: World; accountId: string; entries: Row[] }> {
  const world = await createWorld({ worker: false })
  const { accountId } = await world.person()
  const { database } = world.deps
  const had = await database.knex('activity').where({ account_id: accountId })
  const acts = Array.from({ length: length - had.length }, (_, count) => act(`object ${count}`))
  await database.transaction(tx => recordActivity(tx, world.deps, [accountId], acts))
  const entries: Row[] = await database.knex('activity').where({ account_id: accountId }).orderBy('number')
  assert.equal(entries.length, length)
  return { world, accountId, entries }
}

const proofOf = (world: World) => world.deps.database.read(tx => verifyActivity(tx, world.deps.activityKey))

test('audit: an unaltered log verifies across batches', async () => {
  const { world } = await worldWithLog(1_203)
  await using _ = world
  const proof = await proofOf(world)
  assert.deepEqual(proof.broken, [])
  assert.ok(proof.entries >= 1_203)
})

const ALTERED = {
  at: 1,
  actor_type: 'operator',
  actor_id: 'usr_other',
  what: 'tests.undone',
  object: 'another',
  data: '{}',
  personal: '{"ip":"198.51.100.1"}',
  personal_salt: 'another',
  commitment: 'x',
  hash: 'x',
}

test('audit: an altered entry is reported by its number, whichever part was altered', async () => {
  const { world, accountId, entries } = await worldWithLog(9)
  await using _ = world
  const entry = () => world.deps.database.knex('activity').where({ account_id: accountId, number: 5 })
  for (const [column, value] of Object.entries(ALTERED)) {
    await entry().update({ [column]: value })
    assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number: 5 }], column)
    await entry().update({ ...entries[4] })
    assert.deepEqual((await proofOf(world)).broken, [], column)
  }
})

test('audit: a removed entry is reported by its number, whether first, in between, or last', async () => {
  const { world, accountId, entries } = await worldWithLog(9)
  await using _ = world
  const { knex } = world.deps.database
  for (const number of [1, 5, 9]) {
    await knex('activity').where({ account_id: accountId, number }).delete()
    assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number }])
    await knex('activity').insert(entries[number - 1])
    assert.deepEqual((await proofOf(world)).broken, [])
  }
})

test('audit: an inserted entry is reported by its number, also at the end with a matching hash', async () => {
  const { world, accountId, entries } = await worldWithLog(9)
  await using _ = world
  const { knex } = world.deps.database
  const last = entries.at(-1)
  assert.ok(last)
  const { hash, ...content } = { ...last, number: 10 }
  const forged = { ...content, hash: hashEntry(world.deps.activityKey, hash, content) }
  await knex('activity').insert(forged)
  assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number: 10 }])
  await knex('activity').where({ account_id: accountId, number: 10 }).update({ number: 0 })
  assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number: 0 }])
})

test('audit: a last entry rewritten with its hash is reported by its number', async () => {
  const { world, accountId, entries } = await worldWithLog(9)
  await using _ = world
  const [before, last] = entries.slice(-2)
  assert.ok(before && last)
  const { hash: _hash, ...content } = { ...last, what: 'tests.undone' }
  const forged = { ...content, hash: hashEntry(world.deps.activityKey, before.hash, content) }
  await world.deps.database.knex('activity').where({ account_id: accountId, number: 9 }).update(forged)
  assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number: 9 }])
})

test('audit: two swapped entries are reported at the first of them', async () => {
  const { world, accountId } = await worldWithLog(9)
  await using _ = world
  const { knex } = world.deps.database
  for (const [from, to] of [
    [4, 100],
    [5, 4],
    [100, 5],
  ])
    await knex('activity').where({ account_id: accountId, number: from }).update({ number: to })
  assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number: 4 }])
})

test('audit: entries of another account do not verify as one’s own', async () => {
  const { world, accountId } = await worldWithLog(3)
  await using _ = world
  const other = await world.person()
  const { knex } = world.deps.database
  await knex('activity').where({ account_id: other.accountId }).delete()
  await knex('activity_heads').where({ account_id: other.accountId }).delete()
  await knex('activity').where({ account_id: accountId }).update({ account_id: other.accountId })
  await knex('activity_heads').where({ account_id: accountId }).update({ account_id: other.accountId })
  const both = [accountId, other.accountId].sort().map(account_id => ({ account_id, number: 1 }))
  assert.deepEqual(
    (await proofOf(world)).broken,
    both,
    'neither in the account they were taken from, nor in the one they were moved to',
  )
})

test('audit: entries of a chain without a head are reported', async () => {
  const { world, accountId } = await worldWithLog(3)
  await using _ = world
  await world.deps.database.knex('activity_heads').where({ account_id: accountId }).delete()
  assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number: 1 }])
})

test('audit: all broken accounts are reported', async () => {
  const { world, accountId } = await worldWithLog(3)
  await using _ = world
  const other = await world.person()
  await world.deps.database.knex('activity').where({ number: 2 }).update({ what: 'tests.undone' })
  const broken = [accountId, other.accountId].sort().map(account_id => ({ account_id, number: 2 }))
  assert.deepEqual((await proofOf(world)).broken, broken)
})

test('audit: an act on two accounts is in both logs, and once if both are the same account', async () => {
  await using world = await createWorld({ worker: false })
  const [first, second] = [await world.person(), await world.person()]
  const { database } = world.deps
  await database.transaction(tx => recordActivity(tx, world.deps, [second.accountId, first.accountId], [act('shared')]))
  await database.transaction(tx => recordActivity(tx, world.deps, [first.accountId, first.accountId], [act('alone')]))
  const accountsOf = (object: string) =>
    database.knex('activity').where({ object }).orderBy('account_id').pluck('account_id')
  assert.deepEqual(await accountsOf('shared'), [first.accountId, second.accountId].sort())
  assert.deepEqual(await accountsOf('alone'), [first.accountId])
  assert.deepEqual((await proofOf(world)).broken, [])
})

test('audit: an install is in the log of the account and of the platform, with its actor and address', async () => {
  await using world = await createWorld()
  const [person, app] = [await world.person(), await world.app()]
  const { id } = await world.install(person, app)
  const rows: Row[] = await world.deps.database.knex('activity').where({ object: id, what: 'installation.created' })
  assert.deepEqual(rows.map(row => row.account_id).sort(), [person.accountId, app.platform.person.accountId].sort())
  for (const row of rows) {
    assert.equal(row.actor_id, person.userId)
    assert.match(JSON.parse(row.personal ?? '').ip, /127\.0\.0\.1$/)
  }
  assert.match((await person.browser.get('/activity')).text, new RegExp(`installation\\.created|${id}`))
  assert.deepEqual((await proofOf(world)).broken, [])
})

test('audit: a rollback leaves no entry and no gap', async () => {
  const { world, accountId } = await worldWithLog(3)
  await using _ = world
  const { database } = world.deps
  await assert.rejects(
    database.transaction(async tx => {
      await recordActivity(tx, world.deps, [accountId], [act('lost')])
      throw new Error('no')
    }),
    /no/,
  )
  await database.transaction(tx => recordActivity(tx, world.deps, [accountId], [act('kept')]))
  const proof = await proofOf(world)
  assert.deepEqual(proof.broken, [])
  assert.deepEqual(await database.knex('activity').where({ object: 'lost' }), [])
})

test('audit: concurrent writers on accounts in any order never break a chain or deadlock', async () => {
  await using world = await createWorld({ worker: false })
  const people = [await world.person(), await world.person(), await world.person()]
  const ids = people.map(({ accountId }) => accountId)
  const { database } = world.deps
  const before = (await proofOf(world)).entries
  const writers = Array.from({ length: 60 }, (_, count) => {
    const concerned = [ids[count % 3] ?? '', ids[(count * 7 + 1) % 3] ?? '']
    return database.transaction(tx =>
      recordActivity(tx, world.deps, count % 2 ? concerned : concerned.reverse(), [act(`w${count}`)]),
    )
  })
  await Promise.all(writers)
  const proof = await proofOf(world)
  assert.deepEqual(proof.broken, [])
  const expected = Array.from({ length: 60 }, (_, count) => new Set([count % 3, (count * 7 + 1) % 3]).size)
  assert.equal(
    proof.entries - before,
    expected.reduce((sum, each) => sum + each, 0),
  )
})

test('audit: a log that grows during verification is not reported as broken', async () => {
  const { world, accountId } = await worldWithLog(700)
  await using _ = world
  const { database } = world.deps
  const write = (count: number) =>
    database.transaction(tx => recordActivity(tx, world.deps, [accountId], [act(`during ${count}`)]))
  const writing = Array.from({ length: onPostgres ? 200 : 20 }, (_, count) => write(count))
  const proofs = await Promise.all(Array.from({ length: 12 }, () => proofOf(world)))
  await Promise.all(writing)
  for (const proof of proofs) assert.deepEqual(proof.broken, [])
})

/** What an attacker can do who writes to the database and knows the sources, but does not have the root secret. */
async function rewriteWithout(key: KeyObject, world: World, accountId: string, entries: readonly Row[]): Promise<void> {
  const { knex } = world.deps.database
  await knex('activity').where({ account_id: accountId }).delete()
  let previous = ''
  for (const entry of entries) {
    previous = hashEntry(key, previous, entry)
    await knex('activity').insert({ ...entry, hash: previous })
  }
  const head = { number: entries.length, hash: previous }
  const seal = sealHead(key, accountId, head)
  await knex('activity_heads')
    .where({ account_id: accountId })
    .update({ ...head, seal })
}

test('audit: a chain rewritten with its hashes but without the log’s key is reported', async () => {
  const { world, accountId, entries } = await worldWithLog(5)
  await using _ = world
  const another = createSecretKey(Buffer.alloc(32))
  await rewriteWithout(another, world, accountId, entries)
  assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number: 1 }])
  await rewriteWithout(world.deps.activityKey, world, accountId, entries)
  assert.deepEqual((await proofOf(world)).broken, [])
})

test('audit: a truncated chain with its old head restored is reported, also after it has grown again', async () => {
  const { world, accountId, entries } = await worldWithLog(9)
  await using _ = world
  const { database } = world.deps
  await database.knex('activity').where({ account_id: accountId }).where('number', '>', 6).delete()
  await database
    .knex('activity_heads')
    .where({ account_id: accountId })
    .update({ number: 6, hash: entries[5]?.hash ?? '' })
  assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number: 7 }])
  await database.transaction(tx => recordActivity(tx, world.deps, [accountId], [act('after')]))
  assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number: 7 }])
  const [said, next] = await database.knex('activity').where({ account_id: accountId }).where('number', '>', 6)
  assert.deepEqual([said.what, said.at, next.object], ['activity.tampered', act('').at, 'after'])
})

test('audit: a deleted chain is reported', async () => {
  const { world, accountId } = await worldWithLog(3)
  await using _ = world
  for (const table of ['activity', 'activity_heads'])
    await world.deps.database.knex(table).where({ account_id: accountId }).delete()
  assert.deepEqual((await proofOf(world)).broken, [{ account_id: accountId, number: 1 }])
})

test('audit: a log with erased personal values verifies, and the erasures are counted', async () => {
  const { world, accountId } = await worldWithLog(5)
  await using _ = world
  const entry = () => world.deps.database.knex('activity').where({ account_id: accountId, number: 4 })
  const before = await proofOf(world)
  await entry().update({ personal: null, personal_salt: null })
  assert.deepEqual(await proofOf(world), { ...before, erased: before.erased + 1 })
})

test('checkpoints: one a day for each chain that has grown; a saved one reveals truncation and rewriting', async () => {
  const { world, accountId, entries } = await worldWithLog(5)
  await using _ = world
  const { deps } = world
  const record = (object: string) =>
    deps.database.transaction(tx => recordActivity(tx, deps, [accountId], [act(object)]))
  assert.ok((await makeCheckpoints(deps)) >= 1)
  const [kept = ''] = await deps.database.read(tx => listCheckpoints(tx, accountId))
  const content = JSON.parse(Buffer.from(kept.split('.')[1] ?? '', 'base64url').toString())
  assert.deepEqual(content, { account_id: accountId, number: 5, hash: entries[4]?.hash, at: content.at })

  await record('grown')
  assert.equal(await makeCheckpoints(deps), 0, 'a day has not passed')
  world.clock.advance(DAY)
  assert.equal(await makeCheckpoints(deps), 1)
  world.clock.advance(DAY)
  assert.equal(await makeCheckpoints(deps), 0, 'nothing has grown')

  const known = await readCheckpoints(
    JSON.stringify({ checkpoints: [kept] }),
    await everySigningKey(deps.database, deps),
  )
  const proof = () => deps.database.read(tx => verifyActivity(tx, deps.activityKey, known))
  assert.deepEqual((await proof()).broken, [])

  const forged = entries.map(entry => (entry.number === 5 ? { ...entry, object: 'something else' } : entry))
  await rewriteWithout(deps.activityKey, world, accountId, forged) // with the log's key
  assert.deepEqual((await proofOf(world)).broken, [])
  assert.deepEqual((await proof()).broken, [{ account_id: accountId, number: 5 }])
  await rewriteWithout(deps.activityKey, world, accountId, entries.slice(0, 3))
  assert.deepEqual((await proof()).broken, [{ account_id: accountId, number: 4 }])
  for (const table of ['activity', 'activity_heads'])
    await deps.database.knex(table).where({ account_id: accountId }).delete()
  assert.deepEqual((await proof()).broken, [{ account_id: accountId, number: 1 }])
})

test('checkpoints: only checkpoints signed by this server are accepted, also after its signing key changed', async () => {
  const { world, accountId } = await worldWithLog(3)
  await using _ = world
  const { deps } = world
  await makeCheckpoints(deps)
  const [jws = ''] = await deps.database.read(tx => listCheckpoints(tx, accountId))
  await rotateSigningKeys(deps.database, deps)
  world.clock.advance(100 * DAY)
  await rotateSigningKeys(deps.database, deps) // the first key is not published any more
  const keys = await everySigningKey(deps.database, deps)
  assert.equal((await readCheckpoints(`${jws}\n`, keys)).length, 1)
  const [header = '', , signature = ''] = jws.split('.')
  const other = Buffer.from(JSON.stringify({ account_id: accountId, number: 1, hash: 'x', at: 'x' })).toString(
    'base64url',
  )
  const stranger = await new CompactSign(Buffer.from(jws.split('.')[1] ?? '', 'base64url'))
    .setProtectedHeader({ alg: 'ES256', typ: 'activity-checkpoint', kid: 'stranger' })
    .sign((await generateKeyPair('ES256')).privateKey)
  for (const wrong of ['', 'no checkpoint', `${header}.${other}.${signature}`, stranger, `${jws}\n${stranger}`])
    await assert.rejects(readCheckpoints(wrong, keys), { code: 'request.invalid' }, wrong)
})

test('the latest checkpoint of every log is listed across pages; a log without a head is reported', async () => {
  const { world, accountId } = await worldWithLog(3)
  await using _ = world
  const { database } = world.deps
  await world.person()
  await world.person()
  const write = (account: string, number: number, jws: string) =>
    database.knex('activity_checkpoints').insert({ account_id: account, number, at: 1, jws })
  const accounts: string[] = (await database.knex('accounts').pluck('id')).toSorted()
  for (const id of accounts) for (const number of [1, 2]) await write(id, number, `${id} ${number}`)
  const expected = accounts.map(id => `${id} 2`)
  for (const batch of [1, 2, 500])
    assert.deepEqual(await database.read(tx => listCheckpoints(tx, undefined, batch)), expected)
  assert.deepEqual(await database.read(tx => listCheckpoints(tx, accountId)), [`${accountId} 2`])
  await database.knex('activity_heads').where({ account_id: accountId }).delete()
  assert.deepEqual(await database.read(listHeadless), [accountId])
})
