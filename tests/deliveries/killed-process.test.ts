import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyAt, keysAt, press, rowsOf } from '../installs/steps.ts'
import type { BrowserSession } from '../support/browser-session.ts'
import { createWorld, type Person } from '../support/world.ts'
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

test('killed while a receiver hangs: the same event arrives when the lease has ended, and not before', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  app.receiver.behave('ok', 'hang')
  await using killed = await startServer(world, { ROLES: 'web,worker' })
  await installFromMarketplace(await killed.signIn(person))
  const hanging = await app.receiver.waitForAttempt(2, 30_000)
  await killed.kill()
  assert.equal(await world.deliver(), 0, 'the lease of the dead worker still runs')
  world.clock.advance(LEASE)
  assert.equal(await world.deliver(), 1)
  const event = await app.receiver.waitFor('managed_key.created')
  assert.equal(event.id, hanging.event?.id)
  assert.equal(event.raw, hanging.raw)
  assert.deepEqual([event.key, keysAt(app).length], [hanging.event?.key, 1])
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
})

test('killed in the middle of many installs: no key without its delivery, and everything that was made arrives', async () => {
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
