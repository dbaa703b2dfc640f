import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Behaviour } from '../support/receiver-behaviour.ts'
import { activityOf, keysAt, press, rowsOf, textOf } from '../support/steps.ts'
import { createWorld, type Person, type PublishedApp, type World } from '../support/world.ts'

const down = (times: number): Behaviour[] => Array.from({ length: times }, () => ({ status: 503 }))

/** A world whose schedule has one retry, with an app that has two keys. */
async function worldWithTwoKeys(): Promise<{ world: World; app: PublishedApp; person: Person } & AsyncDisposable> {
  const world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '1' } })
  const app = await world.app({ metadata: { managed_keys: [{ name: 'first' }, { name: 'second' }] } })
  return { world, app, person: await world.person(), [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() }
}

async function exhaust(world: World): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await world.deliver()
    world.clock.advance(1_300)
  }
}

test('exhausted: the installation fails, none of its keys verifies, and nothing more is sent', async () => {
  await using setting = await worldWithTwoKeys()
  const { world, app, person } = setting
  app.receiver.behave('ok', ...down(2))
  const { id } = await world.install(person, app)
  await exhaust(world)
  const [installation] = await rowsOf(world, 'installations', { id })
  assert.equal(installation?.['status'], 'delivery_failed')
  const lost = app.receiver.attempts.flatMap(({ event }) => event?.key ?? [])
  assert.equal(lost.length, 2, 'the first key, twice')
  assert.deepEqual(await world.verify(lost[0] ?? ''), { valid: false, code: 'expired' })
  const keys = await rowsOf(world, 'keys')
  assert.deepEqual(
    keys.map(key => [key['status'], key['expired_because']]),
    [
      ['expired', 'undelivered'],
      ['expired', 'undelivered'],
    ],
  )
  const deliveries = await world.deps.database.knex('deliveries').orderBy('sequence')
  assert.deepEqual(
    deliveries.map(({ status }) => status),
    ['delivered', 'failed', 'cancelled'],
  )
  world.clock.advance(30 * 86_400_000)
  assert.equal(await world.deliver(), 0)
})

test('exhausted: both logs have it', async () => {
  await using setting = await worldWithTwoKeys()
  const { world, app, person } = setting
  app.receiver.behave('ok', ...down(2))
  await world.install(person, app)
  await exhaust(world)
  for (const accountId of [person.accountId, app.platform.person.accountId])
    assert.equal((await activityOf(world, accountId)).at(-1), 'installation.delivery_failed')
})

test('a receiver that never responds fails after one schedule, not after one for each event', async () => {
  await using setting = await worldWithTwoKeys()
  const { world, app, person } = setting
  app.receiver.behave(...down(2))
  const { id } = await world.install(person, app)
  await exhaust(world)
  assert.equal(app.receiver.attempts.length, 2)
  const [installation] = await rowsOf(world, 'installations', { id })
  assert.equal(installation?.['status'], 'delivery_failed')
  assert.ok((await rowsOf(world, 'keys')).every(key => key['status'] === 'expired'))
})

test('exhausted: every page shows it, with Try again', async () => {
  await using setting = await worldWithTwoKeys()
  const { world, app, person } = setting
  app.receiver.behave('ok', ...down(2))
  const { id } = await world.install(person, app)
  await exhaust(world)
  const page = await person.browser.get(`/apps/${id}`)
  assert.ok(textOf(page).includes('Shipyard Hosting never answered.'))
  assert.ok(textOf(page).includes('Not delivered') && textOf(page).includes('answered 503'))
  assert.equal(page.form('Try again').method, 'POST')
  const installing = await person.browser.get(`/apps/${id}/installing`)
  assert.ok(textOf(installing).includes('Its keys expired unused.'))
  assert.ok(textOf(await person.browser.get('/apps')).includes('Its keys expired unused'))
})

test('Try again mints new keys as new events, and the app is active once they have arrived', async () => {
  await using setting = await worldWithTwoKeys()
  const { world, app, person } = setting
  app.receiver.behave('ok', ...down(2))
  const { id } = await world.install(person, app)
  await exhaust(world)
  const before = new Set(app.receiver.attempts.map(({ event }) => event?.id))
  const page = await person.browser.get(`/apps/${id}`)
  const installing = await person.browser.follow(await person.browser.submit(page.form('Try again')))
  assert.equal(new URL(installing.url).pathname, `/apps/${id}/installing`)
  await world.deliver()
  const created = app.receiver.events.filter(({ type }) => type === 'managed_key.created')
  assert.deepEqual(
    created.map(({ body }) => [body.data.key?.name, body.data.sequence, body.data.installation?.generation]),
    [
      ['first', 6, 1], // sequences 4 and 5 are the ends of both keys, which are not sent
      ['second', 7, 1],
    ],
  )
  for (const { id: event, key } of created) {
    assert.ok(!before.has(event), 'a new event')
    assert.equal((await world.verify(key ?? ''))['valid'], true)
  }
  const [installation] = await rowsOf(world, 'installations', { id })
  assert.equal(installation?.['status'], 'active')
  assert.deepEqual((await activityOf(world, app.platform.person.accountId)).slice(-2), [
    'installation.retried',
    'installation.active',
  ])
})

test('Try again mints only keys that have not arrived', async () => {
  await using setting = await worldWithTwoKeys()
  const { world, app, person } = setting
  app.receiver.behave('ok', 'ok', ...down(2))
  const { id } = await world.install(person, app)
  await exhaust(world)
  const [arrived] = keysAt(app)
  assert.equal((await world.verify(arrived ?? ''))['valid'], true, 'an acknowledged key keeps working')
  await person.browser.post(`/apps/${id}/retry`)
  await world.deliver()
  const names = app.receiver.events.flatMap(({ body }) => body.data.key?.name ?? [])
  assert.deepEqual(names, ['first', 'second'])
  assert.equal((await world.verify(arrived ?? ''))['valid'], true)
})

test('eight simultaneous Try again mint one set of keys', async () => {
  await using setting = await worldWithTwoKeys()
  const { world, app, person } = setting
  app.receiver.behave('ok', ...down(2))
  const { id } = await world.install(person, app)
  await exhaust(world)
  const answers = await Promise.all(Array.from({ length: 8 }, () => person.browser.post(`/apps/${id}/retry`)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([303]))
  assert.equal((await rowsOf(world, 'keys')).length, 4)
})

test('Try again is for an owner or admin', async () => {
  await using setting = await worldWithTwoKeys()
  const { world, app, person } = setting
  app.receiver.behave('ok', ...down(2))
  const { id } = await world.install(person, app)
  await exhaust(world)
  await world.deps.database.knex('memberships').where({ user_id: person.userId }).update({ role: 'developer' })
  assert.equal((await person.browser.post(`/apps/${id}/retry`)).status, 403)
  assert.equal((await person.browser.post(`/apps/${id}/send-now`)).status, 403)
  assert.equal((await rowsOf(world, 'keys')).length, 2)
})

test('Send again now does not wait for the schedule, and sends the same event', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  app.receiver.behave('ok', { status: 503 })
  const { id } = await world.install(person, app)
  await world.deliver()
  assert.equal(await world.deliver(), 0)
  const page = await person.browser.get(`/apps/${id}/installing`)
  assert.ok(textOf(page).includes('Attempt 1 of 10: answered 503'))
  const after = await person.browser.follow(await person.browser.submit(page.form('Send again now')))
  assert.equal(after.status, 200)
  assert.equal(await world.deliver(), 1)
  const [, first, second] = app.receiver.attempts
  assert.equal(second?.event?.id, first?.event?.id)
  assert.equal(second?.raw, first?.raw)
  assert.equal((await world.verify(keysAt(app)[0] ?? ''))['valid'], true)
})

test('an app without keys or a callback is active at once', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ metadata: { managed_keys: [], key_delivery_uri: undefined, jwks: undefined } })
  const person = await world.person()
  const page = await person.browser.get('/interaction/install/shipyard-hosting')
  assert.ok(textOf(page).includes('No keys'))
  const done = await press(person, page, 'install')
  assert.ok(textOf(done).includes('Shipyard Hosting is installed'))
  assert.deepEqual(app.receiver.attempts, [])
  const [installation] = await rowsOf(world, 'installations')
  assert.equal(installation?.['status'], 'active')
})
