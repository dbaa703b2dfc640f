import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import type { BrowserSession } from '../support/browser-session.ts'
import { keyAt, keysAt, press, rowsOf } from '../support/steps.ts'
import { createWorld, type Person } from '../support/world.ts'
import { changeAddress } from './change-address.ts'
import { gate, lockDeliveries } from './gate.ts'
import { startServer } from './server-process.ts'

const LEASE = 25_000

async function installFromMarketplace(browser: BrowserSession): Promise<void> {
  const page = await browser.get('/interaction/install/shipyard-hosting')
  await press({ browser }, page, 'install')
}

test('killed between commit and delivery: after a restart the key arrives, once, as the same event', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  await using killed = await startServer(world, { ROLES: 'web' })
  await installFromMarketplace(await killed.signIn(person))
  await killed.kill()
  assert.deepEqual(app.receiver.attempts, [])
  const [key] = await rowsOf(world, 'keys')
  const [delivery] = await rowsOf(world, 'deliveries', { key_id: key?.['id'] })
  assert.equal(delivery?.['status'], 'pending')

  await using restarted = await startServer(world, { ROLES: 'web,worker' })
  const event = await app.receiver.waitFor('managed_key.created', 1, 30_000)
  assert.equal(event.id, delivery?.['event_id'])
  assert.deepEqual(event.faults, [])
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
  assert.equal((await rowsOf(world, 'keys')).length, 1)
  assert.ok(restarted.url)
})

test('killed between claim and post: another worker posts when the lease has ended', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const silent = createServer().listen(0, '127.0.0.1') // accepts connections and never completes a TLS handshake
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  await changeAddress(world, app, `https://127.0.0.1:${port}/callback`)
  await using killed = await startServer(world, { ROLES: 'web,worker' })
  const connected = once(silent, 'connection')
  await installFromMarketplace(await killed.signIn(person))
  const [socket] = (await connected) as [Socket]
  const [claimed] = await rowsOf(world, 'deliveries', { sequence: 1 })
  assert.ok(claimed?.['lease'], 'the worker has claimed it')
  await killed.kill()
  socket.destroy()
  silent.close()
  await changeAddress(world, app, app.receiver.url)
  assert.equal(await world.deliver(), 0, 'the lease of the dead worker is still running')
  world.clock.advance(LEASE)
  assert.equal(await world.deliver(), 2)
  assert.equal(app.receiver.events[0]?.id, claimed['event_id'])
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

test('killed between response and record: the same event arrives again, and the key is stored once', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const answer = gate()
  app.receiver.behave('ok', answer.behaviour)
  await using killed = await startServer(world, { ROLES: 'web,worker' })
  await installFromMarketplace(await killed.signIn(person))
  await answer.arrived
  const unlock = await lockDeliveries(world.deps)
  answer.open()
  const acknowledged = await app.receiver.waitForAttempt(2)
  assert.equal(acknowledged.answered, 204)
  await killed.kill()
  await unlock()
  const [delivery] = await rowsOf(world, 'deliveries', { sequence: 2 })
  assert.equal(delivery?.['status'], 'pending')
  world.clock.advance(LEASE)
  assert.equal(await world.deliver(), 1)
  const [first, second] = app.receiver.events.filter(({ type }) => type === 'managed_key.created')
  assert.deepEqual([second?.id, second?.raw], [first?.id, first?.raw])
  assert.equal(new Set(keysAt(app)).size, 1)
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
  const [installation] = await rowsOf(world, 'installations')
  assert.equal(installation?.['status'], 'active')
})

test('killed while a receiver hangs: the same event arrives when the lease has ended, and not before', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  app.receiver.behave('ok', 'hang')
  await using killed = await startServer(world, { ROLES: 'web,worker' })
  await installFromMarketplace(await killed.signIn(person))
  const hanging = await app.receiver.waitForAttempt(2, 30_000)
  await killed.kill()
  assert.equal(await world.deliver(), 0, 'the lease of the dead worker is still running')
  world.clock.advance(LEASE)
  assert.equal(await world.deliver(), 1)
  const event = await app.receiver.waitFor('managed_key.created')
  assert.equal(event.id, hanging.event?.id)
  assert.equal(event.raw, hanging.raw)
  assert.deepEqual([event.key, keysAt(app).length], [hanging.event?.key, 1])
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

test('killed during many installs: every key has its delivery, and everything committed arrives', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ metadata: { managed_keys: [{ name: 'first' }, { name: 'second' }] } })
  const people: Person[] = []
  for (let index = 0; index < 6; index += 1) people.push(await world.person())
  await using killed = await startServer(world, { ROLES: 'web,worker' })
  const browsers = await Promise.all(people.map(person => killed.signIn(person)))
  const installs = browsers.map(browser => installFromMarketplace(browser))
  await Promise.race(installs)
  await killed.kill()
  await Promise.allSettled(installs)

  const installations = await rowsOf(world, 'installations')
  assert.ok(installations.length >= 1)
  for (const { id, sequence } of installations) {
    const keys = await rowsOf(world, 'keys', { installation_id: id })
    const events = await rowsOf(world, 'events', { installation_id: id })
    const deliveries = await rowsOf(world, 'deliveries', { installation_id: id })
    assert.deepEqual([keys.length, events.length, deliveries.length, sequence], [2, 3, 3, 3])
    assert.deepEqual(
      keys.map(key => key['id']).toSorted(),
      deliveries.flatMap(delivery => delivery['key_id'] ?? []).toSorted(),
    )
  }
  const begun = await rowsOf(world, 'activity', { what: 'installation.created' })
  assert.equal(begun.length, 2 * installations.length, 'each is in the log of both sides')
  world.clock.advance(LEASE)
  await world.deliver()
  const states = await rowsOf(world, 'installations')
  assert.ok(states.every(({ status }) => status === 'active'))
  assert.equal(keysAt(app).length, 2 * installations.length)
})
