import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countDeliveries } from '../../server/deliveries/count-deliveries.ts'
import { countInstallations } from '../../server/installs/list-installations.ts'
import { createWorld } from '../support/world.ts'

type Row = Record<string, unknown>

test('a publisher’s apps have pages, newest first and retired ones last; a stranger’s app is no cursor', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const other = await world.app()
  const { knex } = world.deps.database
  const like: Row = await knex('apps').where({ id: app.id }).first()
  const version: Row = await knex('app_versions').where({ app_id: app.id }).first()
  const alive = [app.id]
  const retired: string[] = []
  for (let index = 0; index < 50; index += 1) {
    const id = world.deps.ids.next('app')
    const status = index % 2 === 0 ? 'retired' : 'published'
    await knex('apps').insert({ ...like, id, slug: id, status })
    await knex('app_versions').insert({ ...version, app_id: id })
    ;(status === 'retired' ? retired : alive).unshift(id)
  }
  const seen: string[] = []
  const sizes: number[] = []
  const read = async (path: string) => (await app.platform.person.browser.get(path)).text
  for (let path: string | undefined = '/platform'; path; ) {
    const text = await read(path)
    const ids = [...text.matchAll(/<code>(app_[0-9a-z]{26})<\/code>/g)].map(([, id]) => String(id))
    seen.push(...ids)
    sizes.push(ids.length)
    assert.equal(text.includes('Newest apps'), sizes.length > 1)
    assert.match(text, /These figures count the apps on this page/)
    path = /href="([^"]*)">Older apps/.exec(text)?.[1]
  }
  assert.deepEqual(
    [sizes, seen],
    [
      [20, 20, 11],
      [...alive, ...retired],
    ],
  )
  assert.ok((await read(`/platform?after=${other.id}`)).includes(alive[0] ?? ''))
})

test('deliveries and installations are counted up to a bound', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  await world.deliver()
  await world.install(await world.person(), app)
  const { database, clock } = world.deps
  const count = async (most: number, since: number) =>
    await database.read(tx => countDeliveries(tx, [app.id], { since, most }))
  const hour = 3_600_000
  const all = { pending: 2, delivered: 2, failed: 0 }
  assert.deepEqual(await count(4, clock.now() - hour), { ...all, more: false })
  assert.deepEqual(await count(3, clock.now() - hour), { ...all, more: true })
  assert.deepEqual(await count(9, clock.now() + hour), { ...all, delivered: 0, more: false })
  await database.knex('deliveries').whereNot({ status: 'delivered' }).update({ status: 'failed' })
  assert.deepEqual(await count(9, clock.now() - hour), { pending: 0, delivered: 2, failed: 2, more: false })
  const installed = async (most: number) =>
    (await database.read(tx => countInstallations(tx, [app.id], most))).get(app.id)
  assert.deepEqual(await installed(2), { live: 2, test: 0, more: false })
  assert.equal((await installed(1))?.more, true)
})
