import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expireOverdueKeys } from '../../server/key-life/expire-overdue-keys.ts'
import { changeKey } from '../../server/keys/change-key.ts'
import { nodeBeside } from '../deliveries/node-beside.ts'
import { startServer } from '../deliveries/server-process.ts'
import type { ReceivedEvent } from '../support/received-event.ts'
import { activityOf, keysAt, rowsOf, stopClock, textOf, uninstall } from '../support/steps.ts'
import { createWorld, type World, type WorldOptions } from '../support/world.ts'

const DAY = 86_400_000
const day = (at: number) => new Date(at).toISOString().slice(0, 10)
const endOf = (date: string) => Date.parse(`${date}T00:00:00Z`) + DAY

async function setUp(options: WorldOptions = {}) {
  const world = await createWorld({ worker: false, ...options })
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  await world.deliver()
  return { world, app, person, installed, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() }
}

/** Runs the upkeep of the server now. */
const upkeep = ({ deps }: World) => expireOverdueKeys(deps)

const endsAt = (events: readonly ReceivedEvent[]) => events.filter(({ type }) => type === 'managed_key.expired')

test('a kept key whose last day is over gets an event, in the sequence of the installation it was minted for', async () => {
  await using setting = await setUp()
  const { world, app, person, installed } = setting
  const last = day(world.clock.now() + 3 * DAY)
  await uninstall(person, installed.id, { keys: 'until', until: last })
  assert.equal(await upkeep(world), endOf(last), 'it sleeps until the deadline')
  stopClock(world, endOf(last) - 1)
  await upkeep(world)
  assert.equal((await rowsOf(world, 'keys'))[0]?.['status'], 'expiring')

  stopClock(world, endOf(last) + 5_000)
  assert.equal(await upkeep(world), undefined)
  const [row] = await rowsOf(world, 'keys')
  assert.deepEqual(
    [row?.['status'], row?.['expired_at'], row?.['expired_because']],
    ['expired', endOf(last), 'deadline'],
  )
  await world.deliver()
  const told = await app.receiver.waitFor('managed_key.expired')
  assert.deepEqual(told.faults, [])
  const { installation, sequence, key } = told.body.data
  assert.deepEqual([installation?.id, installation?.generation, sequence], [installed.id, 1, 4])
  assert.deepEqual([key?.id, key?.expires_at], [row?.['id'], new Date(endOf(last)).toISOString()])
  assert.equal('encrypted_secret' in told.body.data, false)
  for (const account of [person.accountId, app.platform.person.accountId])
    assert.equal((await activityOf(world, account)).at(-1), 'key.expired')
})

test('the page says the same before and after the deadline is recorded', async () => {
  await using setting = await setUp()
  const { world, person, installed } = setting
  const last = day(world.clock.now() + DAY)
  await uninstall(person, installed.id, { keys: 'until', until: last })
  stopClock(world, endOf(last) + 1)
  const page = async () => textOf(await person.browser.get('/keys'))
  const before = await page()
  await upkeep(world)
  assert.equal(await page(), before)
  assert.match(before, /Expired/)
  assert.equal((await world.verify(keysAt(setting.app)[0] ?? ''))['code'], 'expired')
})

test('a second round and a second process send no second event', async () => {
  await using setting = await setUp()
  const { world, app, person, installed } = setting
  await using beside = await nodeBeside(world)
  const last = day(world.clock.now() + DAY)
  await uninstall(person, installed.id, { keys: 'until', until: last })
  stopClock(world, endOf(last))
  await Promise.all([upkeep(world), expireOverdueKeys(beside.deps), upkeep(world), expireOverdueKeys(beside.deps)])
  await upkeep(world)
  await world.deliver()
  assert.equal(endsAt(app.receiver.events).length, 1)
  const log = await activityOf(world, person.accountId)
  assert.equal(log.filter(what => what === 'key.expired').length, 1)
})

test('the end of an overlap: the old key expires as replaced, with an event', async () => {
  await using setting = await setUp()
  const { world, app, person } = setting
  const [old] = await rowsOf(world, 'keys')
  const page = await person.browser.get(`/keys/${old?.['id']}/rotate`)
  await person.browser.submit(page.form('/rotate'), {})
  await world.deliver()
  world.clock.advance(DAY + 60_000)
  await upkeep(world)
  await world.deliver()
  const told = await app.receiver.waitFor('managed_key.expired')
  assert.equal(told.body.data.key?.id, old?.['id'])
  const [row] = await rowsOf(world, 'keys', { id: String(old?.['id']) })
  assert.deepEqual([row?.['status'], row?.['expired_because']], ['expired', 'replaced'])
  const [first, second] = keysAt(app)
  assert.deepEqual(
    [(await world.verify(first ?? ''))['code'], (await world.verify(second ?? ''))['valid']],
    ['expired', true],
  )
})

test('a key frozen until a time expires then', async () => {
  await using setting = await setUp()
  const { world, app } = setting
  const until = world.clock.now() + DAY
  await world.deps.database.knex('keys').update({ frozen_at: until - DAY, frozen_by: 'account', freeze_until: until })
  assert.equal(await upkeep(world), until)
  stopClock(world, until)
  await upkeep(world)
  await world.deliver()
  assert.equal(endsAt(app.receiver.events).length, 1)
  const [row] = await rowsOf(world, 'keys')
  assert.deepEqual([row?.['expired_because'], row?.['expired_at']], ['freeze_ended', until])
})

test('a key that expires before it has arrived is not delivered any more', async () => {
  await using setting = await setUp()
  const { world, app } = setting
  app.receiver.behave({ status: 500 })
  await world.install(await world.person(), app)
  await world.deliver()
  const [key] = await rowsOf(world, 'keys', { delivered_at: null })
  const deadline = world.clock.now() + DAY
  await world.deps.database
    .knex('keys')
    .where({ id: String(key?.['id']) })
    .update({ status: 'expiring', expires_at: deadline })
  stopClock(world, deadline)
  await upkeep(world)
  await world.deliver()
  const [delivery] = await rowsOf(world, 'deliveries', { key_id: String(key?.['id']) })
  assert.equal(delivery?.['status'], 'cancelled')
  assert.equal((await app.receiver.waitFor('managed_key.expired')).body.data.key?.id, key?.['id'])
})

test('hundreds of keys that expire at once all get their events, and one that fails delays no other', async () => {
  await using setting = await setUp()
  const { world, app, installed } = setting
  const { knex } = world.deps.database
  const [row] = await rowsOf(world, 'keys')
  const at = world.clock.now()
  const copies = Array.from({ length: 210 }, (_, index) => ({
    ...row,
    id: `key_${String(index).padStart(26, '0')}`,
    hash: `hash ${index}`,
    status: 'expiring',
    expires_at: at + 1_000,
  }))
  await knex.batchInsert('keys', copies, 50)
  await knex('keys').where({ id: copies[7]?.id }).update({ permissions: 'no JSON' })
  stopClock(world, at + 1_000)
  await upkeep(world)
  assert.equal((await rowsOf(world, 'keys', { status: 'expiring' })).length, 1)
  assert.ok(world.logs.some(line => line.includes(String(copies[7]?.id))))
  await knex('keys').where({ id: copies[7]?.id }).update({ permissions: '[]' })
  await upkeep(world)
  assert.equal((await rowsOf(world, 'events', { type: 'managed_key.expired' })).length, 210)
  const sequences = (await rowsOf(world, 'events', { installation_id: installed.id })).map(event => event['sequence'])
  assert.equal(new Set(sequences).size, sequences.length)
  assert.equal((await rowsOf(world, 'keys', { status: 'active' })).length, 1)
  assert.ok(app.id)
})

test('a clock set back in the middle of a round does not prevent the rest of the round', async () => {
  await using setting = await setUp()
  const { world } = setting
  const deadline = world.clock.now() + DAY
  await world.deps.database.knex('keys').update({ status: 'expiring', expires_at: deadline })
  let looks = 0
  const now = () => {
    looks += 1
    return looks === 1 ? deadline : deadline - 5_000
  }
  await expireOverdueKeys({ ...world.deps, clock: { ...world.clock, now } })
  assert.equal((await rowsOf(world, 'keys'))[0]?.['status'], 'expired')
})

test('a server expires keys by itself at their deadlines', async () => {
  await using setting = await setUp()
  const { world, app } = setting
  await using server = await startServer(world, { ROLES: 'web,worker' })
  const deadline = world.clock.now() + 1_500
  const [key] = await rowsOf(world, 'keys')
  await world.deps.database.transaction(tx => changeKey(tx, String(key?.['id']), { expiresAt: deadline }))
  const told = await app.receiver.waitFor('managed_key.expired')
  assert.equal(told.body.data.key?.expires_at, new Date(deadline).toISOString())
  assert.ok(server.url)
})
