import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeRegistration } from '../support/change-registration.ts'
import { activityOf, keysAt, rowsOf } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

const purpose = 'To work.'
const TWO_KEYS = {
  managed_keys: [
    { name: 'reader', permissions: ['charges:read', 'customers:read'] },
    { name: 'writer', permissions: ['charges:write'] },
  ],
}
/** The manifest without `charges:write`, the only permission of the second key. */
const LESS = {
  permissions: [
    { name: 'charges:read', purpose },
    { name: 'customers:read', purpose },
  ],
  managed_keys: [{ name: 'reader' }],
}

test('a key that loses its last permission gets an event as expired, and both logs have it', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ metadata: TWO_KEYS })
  const person = await world.person()
  await world.install(person, app)
  await world.deliver()
  const [writer] = await rowsOf(world, 'keys', { name: 'writer' })
  await changeRegistration(app, LESS)
  await world.deliver()
  const told = await app.receiver.waitFor('managed_key.expired')
  assert.deepEqual([told.faults, told.body.data.key?.id], [[], writer?.['id']])
  const order = app.receiver.events.map(({ type, body }) => [body.data['sequence'], type])
  assert.deepEqual(order.slice(3), [
    [4, 'installation.updated'],
    [5, 'managed_key.expired'],
  ])
  assert.deepEqual((await activityOf(world, person.accountId)).slice(-2), ['installation.updated', 'key.expired'])
  assert.deepEqual((await activityOf(world, app.platform.person.accountId)).slice(-2), ['key.expired', 'app.updated'])
})

test('a key that loses its last permission before it arrives is not delivered, and the installation becomes active', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ metadata: TWO_KEYS })
  const { id } = await world.install(await world.person(), app)
  await changeRegistration(app, LESS)
  await world.deliver()
  assert.deepEqual(
    app.receiver.events.flatMap(({ type, body }) =>
      type.startsWith('managed_key') ? [[type, body.data.key?.name]] : [],
    ),
    [
      ['managed_key.created', 'reader'],
      ['managed_key.expired', 'writer'],
    ],
  )
  assert.equal((await rowsOf(world, 'deliveries', { status: 'cancelled' })).length, 1)
  assert.equal((await rowsOf(world, 'installations', { id }))[0]?.['status'], 'active')
})

test('a pending key that loses permissions arrives with its original event, followed by an event of the loss', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  const [stored] = await rowsOf(world, 'events', { type: 'managed_key.created' })
  await changeRegistration(app, { ...LESS, managed_keys: undefined })
  await world.deliver()
  const created = await app.receiver.waitFor('managed_key.created')
  assert.equal(created.raw, stored?.['body'], 'an event never changes: an earlier attempt may have arrived')
  const updated = await app.receiver.waitFor('installation.updated')
  assert.ok(Number(updated.body.data['sequence']) > Number(created.body.data['sequence']))
  assert.deepEqual(updated.body.data['permissions'], ['charges:read', 'customers:read'])
  const refused = await world.verify(keysAt(app)[0] ?? '', { permission: 'charges:write' })
  assert.equal(refused['code'], 'insufficient_permissions')
})
