import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Behaviour } from '../support/receiver-behaviour.ts'
import { keyAt, rowsOf, textOf } from '../support/steps.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { changeAddress } from './change-address.ts'
import { nodeBeside } from './node-beside.ts'

const FIRST_WAIT = 6_000 // 5 s + 20 %

/** An installation whose first event has arrived and whose key meets `behaviour`. */
async function installMeeting(world: World, app: PublishedApp, ...behaviour: Behaviour[]) {
  app.receiver.behave('ok', ...behaviour)
  const person = await world.person()
  const installed = await world.install(person, app)
  await world.deliver()
  return { ...installed, person }
}

async function attemptsOfKey(world: World) {
  const [delivery] = (await rowsOf(world, 'deliveries')).filter(row => row['key_id'] !== null)
  const attempts = await world.deps.database
    .knex('delivery_attempts')
    .where({ delivery_id: delivery?.['id'] })
    .orderBy('number')
  return { delivery, attempts }
}

test('500 twice, then success: the same id and bytes, a new timestamp and signature for each attempt, one stored key', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await installMeeting(world, app, { status: 500 }, { status: 500 })
  for (const wait of [FIRST_WAIT, 360_000]) {
    world.clock.advance(wait)
    await world.deliver()
  }
  const sent = app.receiver.attempts.slice(1)
  assert.deepEqual(
    sent.map(({ answered }) => answered),
    [500, 500, 204],
  )
  assert.equal(new Set(sent.map(({ event }) => event?.id)).size, 1)
  assert.equal(new Set(sent.map(({ raw }) => raw)).size, 1)
  assert.equal(new Set(sent.map(({ headers }) => headers['webhook-timestamp'])).size, 3)
  assert.equal(new Set(sent.map(({ headers }) => headers['webhook-signature'])).size, 3)
  for (const { event } of sent) assert.equal(event?.verified, true, event?.faults.join())
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
  assert.equal(app.receiver.events.filter(({ type }) => type === 'managed_key.created').length, 1)
  const { delivery, attempts } = await attemptsOfKey(world)
  assert.deepEqual([delivery?.['status'], delivery?.['attempts']], ['delivered', 3])
  assert.deepEqual(
    attempts.map(({ number, status, error }) => [number, status, error]),
    [
      [1, 500, 'status'],
      [2, 500, 'status'],
      [3, 204, null],
    ],
  )
})

for (const { name, behaviour, status, error } of [
  { name: 'a redirect is a failed attempt and never followed', behaviour: 'redirect', status: 302, error: 'redirect' },
  { name: 'no answer in time is a failed attempt', behaviour: 'hang', status: null, error: 'timeout' },
  { name: '400 is tried again like everything else', behaviour: { status: 400 }, status: 400, error: 'status' },
  { name: '304 acknowledges nothing', behaviour: { status: 304 }, status: 304, error: 'redirect' },
] as const) {
  test(name, async () => {
    await using world = await createWorld({ worker: false, outboundTimeoutMs: 2_000 })
    const app = await world.app()
    const { id, person } = await installMeeting(world, app, behaviour)
    const { delivery, attempts } = await attemptsOfKey(world)
    assert.deepEqual([delivery?.['status'], delivery?.['lease']], ['pending', null])
    assert.deepEqual([attempts[0]?.status, attempts[0]?.error], [status, error])
    assert.equal(app.receiver.attempts.filter(({ path }) => path !== '/callback').length, 0)
    const page = await person.browser.get(`/apps/${id}/installing`)
    assert.ok(textOf(page).includes('Shipyard Hosting has not answered yet'))
    world.clock.advance(FIRST_WAIT)
    await world.deliver()
    assert.equal((await world.verify(keyAt(app)))['valid'], true)
  })
}

test('a kept-alive connection that turns out closed is replaced once within the attempt', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await installMeeting(world, app, 'drop')
  const first = await attemptsOfKey(world)
  assert.deepEqual([first.delivery?.['status'], first.delivery?.['attempts']], ['delivered', 1])
  assert.deepEqual(
    first.attempts.map(({ status, error }) => [status, error]),
    [[204, null]],
  )
  const [, dropped, repeated] = app.receiver.attempts
  assert.deepEqual([dropped?.answered, repeated?.answered], ['drop', 204])
  assert.equal(dropped?.headers['webhook-id'], repeated?.headers['webhook-id'])
  assert.equal(dropped?.raw, repeated?.raw)
})

test('a dropped connection is a failed attempt', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await installMeeting(world, app, 'drop', 'drop') // on the connection of the first event, and on a new one
  const { delivery, attempts } = await attemptsOfKey(world)
  assert.deepEqual([delivery?.['status'], delivery?.['lease']], ['pending', null])
  assert.deepEqual(
    attempts.map(({ status, error }) => [status, error]),
    [[null, 'aborted']],
  )
  assert.equal(app.receiver.attempts.length, 3)
  world.clock.advance(FIRST_WAIT)
  await world.deliver()
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

for (const { status, outcome } of [
  { status: 200, outcome: 'delivered' },
  { status: 410, outcome: 'failed' },
  { status: 503, outcome: 'pending' },
]) {
  test(`${status} counts once its headers have arrived, although its body never ends`, async () => {
    await using world = await createWorld({ worker: false })
    const app = await world.app()
    await installMeeting(world, app, { unending: status, headers: { 'retry-after': '3600' } })
    const { delivery, attempts } = await attemptsOfKey(world)
    assert.equal(delivery?.['status'], outcome)
    assert.deepEqual(
      attempts.map(attempt => [attempt.status, attempt.answer]),
      [[status, 'the first words']],
    )
    assert.ok(Number(attempts[0]?.ms) < 5_000)
    if (outcome === 'pending') assert.ok(Number(delivery?.['next_attempt_at']) - Number(attempts[0]?.at) >= 3_600_000)
  })
}

test('an unreachable receiver is a failed attempt', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await app.receiver.close()
  await world.install(await world.person(), app)
  await world.deliver()
  const [attempt] = await rowsOf(world, 'delivery_attempts')
  assert.deepEqual([attempt?.['status'], attempt?.['error']], [null, 'connect'])
})

test('a 2 MB response acknowledges, and at most 4 kB of it are kept', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await installMeeting(world, app, 'huge')
  const { delivery, attempts } = await attemptsOfKey(world)
  assert.equal(delivery?.['status'], 'delivered')
  assert.equal(String(attempts[0]?.answer).length, 4_096)
})

test('a response with NUL, invalid UTF-8 or markup is stored safely', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const body = `<script>alert(1)</script>\0${'é'.repeat(4_096)}`
  const { id, person } = await installMeeting(world, app, { status: 500, body })
  const { attempts } = await attemptsOfKey(world)
  assert.ok(Buffer.byteLength(String(attempts[0]?.answer)) <= 4_100)
  assert.ok(String(attempts[0]?.answer).startsWith('<script>'))
  for (const path of [`/apps/${id}`, `/apps/${id}/installing`])
    assert.ok(!(await person.browser.get(path)).text.includes('<script>alert'))
})

test('410 fails a delivery at once', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const { id, person } = await installMeeting(world, app, { status: 410 })
  const { delivery, attempts } = await attemptsOfKey(world)
  assert.deepEqual([delivery?.['status'], attempts.length], ['failed', 1])
  const [key] = await rowsOf(world, 'keys')
  assert.deepEqual([key?.['status'], key?.['expired_because']], ['expired', 'undelivered'])
  assert.ok(textOf(await person.browser.get(`/apps/${id}`)).includes('Not delivered'))
})

test('410 to the first event pauses the keys without an end until the address responds to its platform', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  app.receiver.behave({ status: 410 })
  const { id } = await world.install(person, app)
  await world.deliver()
  world.clock.advance(7 * 86_400_000)
  assert.equal(await world.deliver(), 0)
  assert.equal(app.receiver.attempts.length, 1)
  const [installation] = await rowsOf(world, 'installations', { id })
  assert.equal(installation?.['status'], 'installing')
  await person.browser.post(`/apps/${id}/send-now`)
  assert.equal(await world.deliver(), 0, 'the pause is for the whole app: no customer ends it')
  await app.platform.person.browser.post(`/platform/apps/${app.id}/test`)
  await world.deliver()
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

for (const { name, header, least, most } of [
  { name: 'Retry-After in seconds is honoured', header: () => '3600', least: 3_600, most: 3_601 },
  {
    name: 'Retry-After as a date is honoured',
    header: (now: number) => new Date(now + 7_200_000).toUTCString(),
    least: 7_198,
    most: 7_201,
  },
  { name: 'Retry-After of a week counts as a day', header: () => '604800', least: 86_400, most: 86_401 },
  { name: 'Retry-After that asks for less than the schedule changes nothing', header: () => '1', least: 4, most: 6.1 },
  { name: 'Retry-After that is nonsense changes nothing', header: () => 'later', least: 4, most: 6.1 },
  { name: 'Retry-After in the past changes nothing', header: () => '-5', least: 4, most: 6.1 },
]) {
  test(name, async () => {
    await using world = await createWorld({ worker: false })
    const app = await world.app()
    await installMeeting(world, app, { status: 503, headers: { 'retry-after': header(world.clock.now()) } })
    const { delivery, attempts } = await attemptsOfKey(world)
    const waits = (Number(delivery?.['next_attempt_at']) - Number(attempts[0]?.at)) / 1_000
    assert.ok(waits >= least && waits <= most, `waits ${waits} s`)
  })
}

test('an address that has become private since its registration is refused at connect', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  for (const address of ['http://10.0.0.1/callback', 'http://[::1]/callback', 'http://169.254.169.254/callback']) {
    await changeAddress(world, app, address)
    await world.install(await world.person(), app)
    await world.deliver()
  }
  const attempts = await rowsOf(world, 'delivery_attempts')
  assert.deepEqual(
    attempts.map(({ status, error }) => [status, error]),
    [
      [null, 'address_refused'],
      [null, 'address_refused'],
      [null, 'address_refused'],
    ],
  )
})

for (const host of ['127.0.0.1', 'localhost']) {
  test(`${host}, which EGRESS_ALLOW no longer lists, is refused at connect`, async () => {
    await using world = await createWorld({ worker: false })
    const app = await world.app()
    await changeAddress(world, app, app.receiver.url.replace('127.0.0.1', host))
    await world.install(await world.person(), app)
    await using node = await nodeBeside(world, { EGRESS_ALLOW: '192.0.2.1/32' })
    await node.deps.worker.runDue()
    const [attempt] = await rowsOf(world, 'delivery_attempts')
    assert.equal(attempt?.['error'], 'address_refused')
    assert.deepEqual(app.receiver.attempts, [])
  })
}
