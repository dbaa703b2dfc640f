import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { findRecipientKey } from '../../apps-registry/current-recipient.ts'
import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { firstIdAt } from '../../server/base/ids.ts'
import { insertEvent } from '../../server/deliveries/delivery-store.ts'
import { readEventFeed } from '../../server/deliveries/event-feed.ts'
import type { Deps } from '../../server/deps.ts'
import { mintAnotherKey } from '../../server/key-life/mint-another-key.ts'
import { sweep } from '../../server/sweep.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { backlog, crowd } from './crowd.ts'
import { nodeBeside } from './node-beside.ts'

const DAY = 86_400_000

describe('the feed of events', () => {
  let world: World
  let app: PublishedApp

  before(async () => {
    world = await createWorld({ worker: false })
  })
  after(() => world[Symbol.asyncDispose]())

  const page = async (after?: string, limit = 100) =>
    (await readEventFeed(world.deps.database, { appId: app.id, after, limit })).map(({ id }) => id)

  /** Adds an event whose id has the time `drawnAt`, independent of its commit. */
  async function addEvent(tx: Tx, drawnAt: number): Promise<string> {
    const id = firstIdAt('evt', drawnAt).replace(/0{16}$/, crypto.randomUUID().replaceAll('-', '').slice(0, 16))
    const event = {
      type: 'ping',
      appId: app.id,
      installationId: null,
      sequence: null,
      body: '{}',
      at: drawnAt,
    } as const
    await insertEvent(tx, { ...event, id })
    return id
  }
  const add = (drawnAt: number) => world.deps.database.transaction(tx => addEvent(tx, drawnAt))

  test('an event committed after one that was read follows it, whatever its id', async () => {
    app = await world.app()
    const now = world.clock.now()
    const read = await add(now)
    assert.deepEqual(await page(), [read])
    const late = await add(now - 3_600_000) // its id was drawn by a clock an hour behind, or in a transaction that took an hour
    assert.deepEqual(await page(read), [late])
    assert.deepEqual(await page(late), [])
    assert.deepEqual(await page(), [read, late], 'the order is stable')
  })

  test('events of one installation are listed by their sequence, whatever the clocks', async () => {
    app = await world.app()
    await backlog(world, app, 4)
    const knex = world.deps.database.knex
    const rows = await knex('events').where({ app_id: app.id }).orderBy('sequence')
    const ids = rows.map(({ id }) => String(id)).toReversed() // the ids of the installation descend, as from clocks that were set back
    await knex('deliveries').where({ app_id: app.id }).delete()
    await knex('events').where({ app_id: app.id }).delete()
    for (const [index, row] of rows.entries()) await knex('events').insert({ ...row, id: ids[index] })
    assert.deepEqual(await page(), ids)
  })

  test('a webhook-id that no page has listed yet works as a cursor', async () => {
    app = await world.app()
    const now = world.clock.now()
    const [first, second, third] = [await add(now), await add(now + 1), await add(now + 2)]
    assert.deepEqual(await page(second), [third])
    assert.deepEqual(await page(first), [second, third])
  })

  test('a deleted event works as a cursor, after a sweep or failover, and nothing is skipped', async () => {
    app = await world.app()
    const now = world.clock.now()
    const [old, gone, slow, late] = [
      await add(now - DAY),
      await add(now),
      await add(now - 60_000), // drawn a minute before its commit
      await add(now + 60_000),
    ]
    await page()
    await world.deps.database.knex('events').where({ id: gone }).delete()
    assert.deepEqual(await page(gone), [slow, late])
    assert.deepEqual(await page(firstIdAt('evt', now + DAY)), [])
    assert.deepEqual(await page(firstIdAt('evt', now - 2 * DAY)), [old, slow, late])
    assert.deepEqual(await page(`evt_${'z'.repeat(26)}`), [], 'an id that never existed works as a cursor too')
    const newest = await add(now + 120_000)
    assert.deepEqual(await page(late), [newest])
  })

  test('positions continue after the newest events were deleted', async () => {
    app = await world.app()
    const now = world.clock.now()
    const [kept, swept] = [await add(now), await add(now + 1)]
    await page()
    await world.deps.database.knex('events').where({ id: swept }).delete()
    const next = await add(now + 2)
    assert.deepEqual([await page(kept), await page(swept)], [[next], [kept, next]])
  })

  test('a backlog of several batches is read page by page, complete and in order, and the sweep numbers it too', async () => {
    app = await world.app()
    await crowd(world, app, 2_100)
    const ids: string[] = await world.deps.database.knex('events').where({ app_id: app.id }).orderBy('id').pluck('id')
    const unnumbered = async () => (await world.deps.database.knex('events').whereNull('position').select('id')).length
    assert.deepEqual(await page(undefined, 10), ids.slice(0, 10))
    assert.equal(await unnumbered(), 1_100, 'numbering stops at a full page')
    const seen: string[] = []
    for (let rows = await page(); rows.length > 0; rows = await page(rows.at(-1))) seen.push(...rows)
    assert.deepEqual(seen, ids)
    await add(world.clock.now())
    await sweep(world.deps)
    assert.equal(await unnumbered(), 0)
  })
})

test('a poller that follows the last id sees every event of two nodes that mint at once', async () => {
  await using world = await createWorld({ worker: false })
  await using node = await nodeBeside(world)
  const app = await world.app()
  const installations: string[] = []
  for (let count = 0; count < 6; count += 1) installations.push((await world.install(await world.person(), app)).id)
  const recipient = await recipientOf(world, app)
  const mint = ({ database, ...caps }: Deps, installationId: string, name: string) =>
    database.transaction(tx =>
      mintAnotherKey(tx, caps, {
        installationId,
        name,
        permissions: undefined,
        expiresAt: null,
        note: null,
        recipient,
        actor: { type: 'platform', id: app.platform.platformId, ip: '' },
      }),
    )
  let minting = true
  const minted = Promise.all(
    installations.map(async (id, index) => {
      for (let round = 0; round < 20; round += 1)
        await mint(index % 2 === 0 ? world.deps : node.deps, id, `key ${index} ${round}`)
    }),
  ).finally(() => {
    minting = false
  })
  const seen: string[] = []
  for (let last = false; !last; ) {
    last = !minting
    const rows = await readEventFeed(world.deps.database, { appId: app.id, after: seen.at(-1), limit: 100 })
    seen.push(...rows.map(({ id }) => id))
    if (rows.length === 100) last = false
    else await new Promise(setImmediate)
  }
  await minted
  const all: string[] = await world.deps.database.knex('events').where({ app_id: app.id }).pluck('id')
  assert.equal(all.length, 12 + 120)
  assert.deepEqual(seen.toSorted(), all.toSorted(), 'each exactly once')
})

async function recipientOf({ deps }: World, { id }: PublishedApp) {
  const app = await deps.database.read(tx => findApp(tx, id))
  assert.ok(app)
  return await findRecipientKey(deps, app)
}
