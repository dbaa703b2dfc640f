import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClockFollower } from '../../server/deliveries/follow-clock.ts'
import { queueMail } from '../../server/mail/queue-mail.ts'
import { eventually } from '../support/eventually.ts'
import { keyAt, rowsOf } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'
import { gate } from './gate.ts'
import { nodeBeside } from './node-beside.ts'

const HOUR = 3_600_000
const FIRST_WAIT = 6_000 // 5 s + 20 %

/** An installation whose key was refused once and is due again within FIRST_WAIT. */
async function refusedOnce(world: World) {
  const app = await world.app()
  app.receiver.behave('ok', { status: 500 })
  const person = await world.person()
  const installed = await world.install(person, app)
  await world.deliver()
  return { app, person, installed }
}

const dueAt = async (world: World) =>
  (await rowsOf(world, 'deliveries', { status: 'pending' })).map(row => Number(row['next_attempt_at']))

for (const [name, by] of [
  ['an hour', -HOUR],
  ['a year', -365 * 24 * HOUR],
] as const) {
  test(`the clock is set back by ${name}: the retry and what follows it keep their planned waits`, async () => {
    await using world = await createWorld({ worker: false })
    const { app } = await refusedOnce(world)
    world.clock.set(by)
    await world.deliver()
    const [due] = await dueAt(world)
    assert.ok(Math.abs((due ?? 0) - world.clock.now() - 5_000) <= 5_000, 'not at once')
    world.clock.advance(FIRST_WAIT)
    assert.equal(await world.deliver(), 1)
    const { installed: second } = await refusedOnce(world)
    assert.ok(second.id)
    const { status } = (await rowsOf(world, 'installations', { app_id: app.id }))[0] ?? {}
    assert.equal(status, 'active')
  })
}

test('when two processes notice one clock step, one of them moves the waiting deliveries', async () => {
  await using world = await createWorld({ worker: false })
  await using node = await nodeBeside(world)
  await refusedOnce(world)
  await node.deps.worker.runDue()
  const [before = 0] = await dueAt(world)
  const isMoved = async (by: number) => Math.abs(((await dueAt(world))[0] as number) - before + by) < 100
  world.clock.set(-HOUR)
  await node.deps.worker.runDue()
  await world.deliver()
  assert.ok(await isMoved(HOUR))
  world.clock.set(-HOUR) // another step
  await world.deliver()
  await node.deps.worker.runDue()
  assert.ok(await isMoved(2 * HOUR))
})

test('a delivery scheduled by a wrong clock before this process started is due', async () => {
  await using world = await createWorld({ worker: false })
  const { app } = await refusedOnce(world)
  world.clock.set(-5 * HOUR)
  await using node = await nodeBeside(world)
  assert.equal(await node.deps.worker.runDue(), 1)
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

test('the lease of a dead worker ends although the clock was set back', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  await world.deliver()
  await world.deps.database
    .knex('deliveries')
    .where({ sequence: 2 })
    .update({
      status: 'pending',
      settled_at: null,
      lease: 'of a worker that died',
      lease_until: world.clock.now() + 25_000,
    })
  world.clock.set(-HOUR)
  assert.equal(await world.deliver(), 0)
  world.clock.advance(25_000)
  assert.equal(await world.deliver(), 1)
})

for (const by of [-HOUR, HOUR]) {
  test(`the clock is set ${by < 0 ? 'back' : 'forward'} during an attempt: the delivery is sent once, and its duration is right`, async () => {
    await using world = await createWorld()
    const app = await world.app()
    const answer = gate()
    app.receiver.behave(answer.behaviour)
    await world.install(await world.person(), app)
    await answer.arrived
    world.clock.set(by)
    world.deps.worker.wake()
    await eventually(async () => {
      const [first] = await rowsOf(world, 'deliveries', { sequence: 1 })
      return Math.abs(Number(first?.['lease_until']) - world.clock.now() - 25_000) < 5_000
    })
    answer.open()
    await app.receiver.waitFor('managed_key.created')
    await eventually(async () => (await rowsOf(world, 'deliveries', { status: 'delivered' })).length === 2)
    assert.equal(app.receiver.attempts.length, 2)
    for (const { ms } of await rowsOf(world, 'delivery_attempts')) assert.ok(Number(ms) >= 0 && Number(ms) < 15_000)
  })
}

test('mails move with the clock too', async () => {
  await using world = await createWorld({ worker: false })
  const { database, clock } = world.deps
  const follower = createClockFollower(world.deps)
  await follower.follow()
  await database.transaction(tx =>
    queueMail(tx, world.deps, ['a@example.com'], {
      kind: 'install-failed',
      account: 'A',
      app: 'B',
      link: { path: '/', label: 'C' },
      subject: 'D',
    } as never),
  )
  const at = clock.now() + 60_000
  await database.knex('mails').update({ next_attempt_at: at })
  world.clock.set(-HOUR)
  assert.equal(follower.isBehind(), true)
  assert.ok(Math.abs((await follower.follow()) + HOUR) < 100)
  assert.equal(follower.isBehind(), false)
  assert.ok(Math.abs(Number((await rowsOf(world, 'mails'))[0]?.['next_attempt_at']) - at + HOUR) < 100)
  await database.knex('mails').update({ next_attempt_at: at + 48 * HOUR })
  await createClockFollower(world.deps).follow()
  assert.ok(Number((await rowsOf(world, 'mails'))[0]?.['next_attempt_at']) <= clock.now())
})
