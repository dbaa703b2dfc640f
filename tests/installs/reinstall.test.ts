import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld } from '../support/world.ts'
import { keyAt, keysAt, rowsOf, textOf, uninstall } from './steps.ts'

test('a reinstall is a new installation: another id, generation 2, its events counted from one', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const first = await world.install(person, app)
  await world.deliver()
  const old = keyAt(app)
  await uninstall(person, first.id)
  await world.deliver()
  const second = await world.install(person, app)
  await world.deliver()
  assert.notEqual(second.id, first.id)
  assert.equal(second.generation, 2)
  const told = app.receiver.events.filter(({ body }) => body.data.installation?.id === second.id)
  assert.deepEqual(
    told.map(({ type, body }) => [type, body.data.sequence, body.data.installation?.generation]),
    [
      ['installation.created', 1, 2],
      ['managed_key.created', 2, 2],
    ],
  )
  const fresh = keysAt(app).find(key => key !== old) ?? ''
  assert.deepEqual([(await world.verify(old))['code'], (await world.verify(fresh))['valid']], ['expired', true])
})

test('generations count on, and those of test mode count for themselves', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const generations: number[] = []
  for (let round = 0; round < 3; round += 1) {
    const { id, generation } = await world.install(person, app)
    generations.push(generation)
    await uninstall(person, id)
  }
  generations.push((await world.install(person, app, { extra: { mode: 'test' } })).generation)
  assert.deepEqual(generations, [1, 2, 3, 1])
})

test('a late event of generation 1 carries its generation, arrives after the reinstall and wipes nothing', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const first = await world.install(person, app)
  await world.deliver()
  await uninstall(person, first.id)
  app.receiver.behave({ status: 500 })
  await world.deliver() // the uninstall does not get through
  const second = await world.install(person, app)
  await world.deliver()
  world.clock.advance(10_000)
  await world.deliver()
  assert.deepEqual(
    app.receiver.events.map(({ type, body }) => [type, body.data.installation?.generation]),
    [
      ['installation.created', 1],
      ['managed_key.created', 1],
      ['installation.created', 2],
      ['managed_key.created', 2],
      ['installation.uninstalled', 1],
    ],
  )
  const late = app.receiver.events.at(-1)
  assert.deepEqual([late?.body.data.installation?.id, late?.body.data.sequence], [first.id, 3])
  assert.equal((await world.verify(keysAt(app)[1] ?? ''))['valid'], true)
  const [row] = await rowsOf(world, 'installations', { id: second.id })
  assert.equal(row?.['status'], 'active')
})

test('the pages of the old installation stay readable', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const first = await world.install(person, app)
  await world.deliver()
  await uninstall(person, first.id)
  await world.install(person, app)
  const old = await person.browser.get(`/apps/${first.id}`)
  assert.equal(old.status, 200)
  assert.ok(textOf(old).includes('This app is uninstalled.'))
  assert.ok(!textOf(old).includes('Try again'))
})
