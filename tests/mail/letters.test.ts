import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remindOfDeadlines } from '../../server/key-life/remind-of-deadlines.ts'
import { reportLeak } from '../../server/key-life/report-leak.ts'
import { nodeBeside } from '../deliveries/node-beside.ts'
import { keysAt, stopClock, uninstall } from '../support/steps.ts'
import { createWorld, type World, type WorldOptions } from '../support/world.ts'
import { type Handed, readMessage, startSmtpServer } from './smtp-server.ts'

const DAY = 86_400_000
const day = (at: number) => new Date(at).toISOString().slice(0, 10)

async function setUp(options: WorldOptions = {}) {
  const smtp = await startSmtpServer()
  const world = await createWorld({ worker: false, ...options, env: { SMTP_URL: smtp.url, ...options.env } })
  const app = await world.app({ metadata: { managed_keys: [{ name: 'first' }, { name: 'second' }] } })
  const person = await world.person()
  return {
    smtp,
    world,
    app,
    person,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]()
      await smtp[Symbol.asyncDispose]()
    },
  }
}

/** Installs, then uninstalls with keys kept for some days; returns their deadline. */
async function keepFor(setting: Awaited<ReturnType<typeof setUp>>, days: number): Promise<number> {
  const { world, app, person } = setting
  const { id } = await world.install(person, app)
  await world.deliver()
  const last = day(world.clock.now() + days * DAY)
  await uninstall(person, id, { keys: 'until', until: last })
  return Date.parse(`${last}T00:00:00Z`) + DAY
}

async function remind({ deps }: Pick<World, 'deps'>): Promise<number | undefined> {
  const next = await remindOfDeadlines(deps)
  await deps.mailer.sendDue()
  return next
}

const subjects = (handed: readonly Handed[]) => handed.map(({ message }) => readMessage(message).headers.get('subject'))

test('kept keys: a letter a week and a day before their deadline, once each, that names every key', async () => {
  await using setting = await setUp()
  const { world, smtp, person, app } = setting
  const end = await keepFor(setting, 20)
  assert.equal(await remind(world), end - 7 * DAY)
  stopClock(world, end - 7 * DAY - 1)
  await remind(world)
  assert.equal(smtp.handed.length, 0)
  for (const [at, count] of [
    [end - 7 * DAY, 1],
    [end - 7 * DAY, 1],
    [end - DAY - 1, 1],
    [end - DAY, 2],
    [end - 1, 2],
    [end + 1, 2],
  ] as const) {
    stopClock(world, at)
    await remind(world)
    assert.equal(smtp.handed.length, count, `${(end - at) / DAY} days before`)
  }
  const [handed] = smtp.handed
  const message = readMessage(handed?.message ?? '')
  assert.deepEqual(handed?.to, [person.email])
  assert.equal(message.headers.get('subject'), '2 keys of Shipyard Hosting end soon in Harbor Books')
  for (const part of [message.text, message.html])
    for (const words of ['first', 'second', 'the end of', 'Never used', '…']) assert.ok(part.includes(words), words)
  for (const key of keysAt(app)) assert.ok(!handed?.message.includes(key.slice(10)), 'no secret')
})

test('a process that was away sends the last reminder only, and none after the deadline', async () => {
  await using setting = await setUp()
  const { world, smtp } = setting
  const end = await keepFor(setting, 20)
  stopClock(world, end - DAY / 2)
  await remind(world)
  await remind(world)
  assert.equal(smtp.handed.length, 1)
})

test('no reminder is sent after the deadline, nor right after a short deadline was chosen', async () => {
  await using setting = await setUp()
  const { world, smtp } = setting
  const end = await keepFor(setting, 3)
  await remind(world)
  assert.equal(smtp.handed.length, 0, 'chosen later than a week before')
  stopClock(world, end)
  assert.equal(await remind(world), undefined)
  assert.equal(smtp.handed.length, 0)
})

test('several processes remind once', async () => {
  await using setting = await setUp()
  const { world, smtp } = setting
  const end = await keepFor(setting, 20)
  await using beside = await nodeBeside(world, { SMTP_URL: smtp.url })
  stopClock(world, end - 7 * DAY)
  await Promise.all([remind(world), remind(beside), remind(world), remind(beside)])
  await remind(world)
  assert.equal(smtp.handed.length, 1)
})

test('an installation whose reminder fails delays no other', async () => {
  await using setting = await setUp()
  const { world, smtp, app } = setting
  const end = await keepFor(setting, 20)
  await world.deps.database.knex('keys').update({ permissions: 'no JSON' })
  await keepFor({ ...setting, person: await world.person() }, 20)
  stopClock(world, end - 7 * DAY)
  await remind(world)
  assert.equal(smtp.handed.length, 1)
  assert.ok(app.id)
})

test('a multi-line name adds no lines to a letter', async () => {
  await using setting = await setUp()
  const { world, smtp, person } = setting
  await world.deps.database.knex('accounts').where({ id: person.accountId }).update({ name: 'Win\n\nnow: here' })
  const end = await keepFor(setting, 20)
  stopClock(world, end - 7 * DAY)
  await remind(world)
  const { text } = readMessage(smtp.handed[0]?.message ?? '')
  assert.ok(/Win\s+now: here/.test(text) && !/^now: here/m.test(text), text)
})

test('an app that could not be installed: owners and admins get a letter', async () => {
  await using setting = await setUp({ env: { RETRY_SCHEDULE: '1' } })
  const { world, smtp, app, person } = setting
  app.receiver.behave('ok', { status: 503 }, { status: 503 })
  const { id } = await world.install(person, app)
  for (let round = 0; round < 3; round += 1) {
    await world.deliver()
    world.clock.advance(1_300)
  }
  await world.deps.mailer.sendDue()
  assert.deepEqual(subjects(smtp.handed), ['Shipyard Hosting could not be installed in Harbor Books'])
  const { text } = readMessage(smtp.handed[0]?.message ?? '')
  assert.ok(text.includes(`${world.url}/apps/${id}`) && text.includes(new URL(app.receiver.url).host), text)
})

test('a leaked key: the owners of the account and of the platform get one letter each, without the key', async () => {
  await using setting = await setUp()
  const { world, smtp, app, person } = setting
  await world.install(person, app)
  await world.deliver()
  const [key = ''] = keysAt(app)
  for (let times = 0; times < 2; times += 1) await reportLeak(world.deps, key, '192.0.2.1')
  await world.deps.mailer.sendDue()
  const told = smtp.handed.map(({ to, message }) => [to[0], readMessage(message).headers.get('subject')] as const)
  assert.deepEqual(
    new Map(told),
    new Map([
      [person.email, 'A key of Harbor Books was found in public'],
      [app.platform.person.email, 'A key that Shipyard Hosting holds was found in public'],
    ]),
  )
  assert.equal(told.length, 2)
  for (const { message } of smtp.handed) assert.ok(!message.includes(key.slice(10)))
})
