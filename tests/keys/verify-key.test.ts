import assert from 'node:assert/strict'
import { test } from 'node:test'
import { moveApp } from '../../apps-registry/move-app.ts'
import { systemRandom } from '../../server/base/random.ts'
import { mintSecret } from '../../server/base/secret-format.ts'
import { verifyKey } from '../../server/keys/verify-key.ts'
import { nodeBeside } from '../deliveries/node-beside.ts'
import { changeRows, keyAt, type Row, rowsOf, stopClock } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'

/** An installed app and the key that its platform holds. */
async function worldWithKey(worldOptions: Parameters<typeof createWorld>[0] = {}) {
  const world = await createWorld({ worker: false, ...worldOptions })
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  await world.deliver()
  return {
    world,
    app,
    person,
    installed,
    key: keyAt(app),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

async function change(world: World, table: string, row: Row): Promise<void> {
  await changeRows(world, tx => tx(table).update(row))
}

/** Records every statement that is sent to the database from now on. */
function watchQueries({ deps: { database } }: World): string[] {
  const queries: string[] = []
  const watched = new WeakSet<object>() // `look` passes the same object every time
  for (const way of ['read', 'look', 'transaction', 'relaxed'] as const) {
    const original = database[way]
    database[way] = work =>
      original(tx => {
        if (!watched.has(tx)) tx.on('query', ({ sql }) => queries.push(sql))
        watched.add(tx)
        return work(tx)
      })
  }
  return queries
}

test('a valid key returns exactly what a resource server needs', async () => {
  await using setting = await worldWithKey()
  const { world, app, person, installed, key } = setting
  const [row] = await rowsOf(world, 'keys')
  assert.deepEqual(await world.verify(key, { permission: 'charges:read', ip: '203.0.113.7' }), {
    valid: true,
    key_id: row?.['id'],
    type: 'managed',
    account_id: person.accountId,
    installation_id: installed.id,
    app_id: app.id,
    mode: 'live',
    permissions: ['charges:read', 'charges:write', 'customers:read'],
    expires_at: null,
  })
})

test('a key verifies from its minting on, before its platform has acknowledged it', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  app.receiver.behave('ok', { status: 500 })
  await world.deliver()
  const sent = app.receiver.attempts.at(-1)?.event
  assert.equal((await world.verify(sent?.key ?? ''))['valid'], true)
})

test('the codes are checked in the documented order: each fault hides those after it', async () => {
  await using setting = await worldWithKey()
  const { world, app, key } = setting
  const code = async (presented = key) => (await world.verify(presented, { permission: 'payouts:write' }))['code']
  assert.equal(await code(), 'insufficient_permissions')
  await change(world, 'keys', { frozen_at: 1 })
  assert.equal(await code(), 'frozen')
  const actor = { type: 'operator' as const, id: 'tests', ip: '' }
  const move = (verb: 'suspend' | 'resume') =>
    world.deps.database.transaction(tx => moveApp(tx, world.deps, { id: app.id, verb, actor }))
  await move('suspend')
  assert.equal(await code(), 'suspended')
  await move('resume')
  assert.equal(await code(), 'frozen')
  await change(world, 'installations', { suspended_by_account_at: 1 })
  assert.equal(await code(), 'suspended')
  await change(world, 'installations', { suspended_by_account_at: null, suspended_by_operator_at: 1 })
  assert.equal(await code(), 'suspended')
  await change(world, 'keys', { status: 'expiring', expires_at: world.clock.now() - 1 })
  assert.equal(await code(), 'expired')
  await change(world, 'keys', { status: 'expired', expires_at: null })
  assert.equal(await code(), 'expired')
  assert.equal(await code(mintSecret(systemRandom, 'lkm_live_')), 'not_found')
  assert.equal(await code(key.slice(0, -1)), 'malformed')
})

test('a deadline counts to the millisecond', async () => {
  await using setting = await worldWithKey()
  const { world, key } = setting
  const deadline = world.clock.now() + 3_600_000
  await change(world, 'keys', { status: 'expiring', expires_at: deadline })
  stopClock(world, deadline - 1)
  const before = await world.verify(key)
  assert.deepEqual([before['valid'], before['expires_at']], [true, new Date(deadline).toISOString()])
  stopClock(world, deadline)
  assert.deepEqual(await world.verify(key), { valid: false, code: 'expired' })
})

test('a malformed key never causes a query', async () => {
  await using setting = await worldWithKey()
  const { world, key } = setting
  const queries = watchQueries(world)
  const flipped = key.replace(/.$/, last => (last === '0' ? '1' : '0'))
  const swapped = key.replace(/(.{6})$/, part => [...part].reverse().join(''))
  const wrong = [
    '',
    ' ',
    '\0',
    'lkm_live_',
    key.slice(0, -1),
    `${key}0`,
    ` ${key}`,
    `${key}\n`,
    key.toUpperCase(),
    flipped,
    key.replace('_live_', '_test_'),
    key.replace('lkm_', 'lkr_'),
    'é'.repeat(47),
    world.verifierKey.slice(1),
    ...(swapped === key ? [] : [swapped]),
  ]
  for (const text of wrong) assert.deepEqual(await world.verify(text), { valid: false, code: 'malformed' }, text)
  const about = queries.filter(sql => /\bfrom\b/.test(sql))
  for (const sql of about) assert.match(sql, /from [`"]verifiers[`"]/, 'the lookup of the key, and no other')
})

test('a secret of another kind is not a key, however well formed', async () => {
  await using world = await createWorld({ worker: false })
  const platform = await world.platform()
  for (const secret of [world.verifierKey, platform.registrationToken])
    assert.deepEqual(await world.verify(secret), { valid: false, code: 'not_found' })
})

test('keys of another brand stay valid', async () => {
  await using world = await createWorld({ worker: false, env: { KEY_BRAND: 'nwpay' } })
  const app = await world.app()
  await world.install(await world.person(), app)
  await world.deliver()
  assert.match(keyAt(app), /^nwpaym_live_[0-9A-Za-z]{38}$/)
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
  await using later = await nodeBeside(world, { KEY_BRAND: 'lk' })
  assert.equal(later.deps.keyBrand, 'lk')
  const verdict = await later.deps.database.read(tx => verifyKey(tx, { key: keyAt(app) }, world.clock.now()))
  assert.equal(verdict.valid, true)
})

test('accepted verifications are counted for the uninstall page, refused ones are not', async () => {
  await using setting = await worldWithKey()
  const { world, person, installed, key } = setting
  await world.verify(key, { ip: '203.0.113.7' })
  await world.verify(key, { ip: '203.0.113.7' })
  await world.verify(key, { ip: '2001:db8::1' })
  await world.verify(key, { permission: 'payouts:write', ip: '198.51.100.1' })
  const page = await person.browser.get(`/apps/${installed.id}/uninstall`)
  const cells = [...page.text.matchAll(/<td[^>]*data-label="(.*?)">(.*?)<\/td>/gs)].map(([, label, text]) => [
    label,
    text,
  ])
  assert.deepEqual(Object.fromEntries(cells), {
    'Last used': 'Just now',
    '24 hours': '3',
    '7 days': '3',
    From: '2001:db8::1, 203.0.113.7',
  })
})
