import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { eventually } from '../support/eventually.ts'
import { createWorld } from '../support/world.ts'

test('health: alive and ready, without a session and for any origin', async () => {
  await using world = await createWorld({ worker: false })
  for (const path of ['/healthz', '/readyz']) {
    const answer = await fetch(`${world.url}${path}`, { headers: { 'sec-fetch-site': 'cross-site' } })
    assert.equal(answer.status, 200)
    assert.equal(((await answer.json()) as { status: string }).status, 'ok')
    assert.equal(answer.headers.get('set-cookie'), null)
  }
})

test('health: alive but not ready while a migration is missing, and ready again after it', async () => {
  await using world = await createWorld({ worker: false })
  const { knex } = world.deps.database
  await knex.migrate.down()
  const answer = await fetch(`${world.url}/readyz`)
  assert.equal(answer.status, 503)
  assert.equal(((await answer.json()) as { migrations: string }).migrations, 'pending')
  assert.equal((await fetch(`${world.url}/healthz`)).status, 200)
  await knex.migrate.latest()
  assert.equal((await fetch(`${world.url}/readyz`)).status, 200)
})

test('health: not ready while writes fail, although reads succeed, and ready again after it', async () => {
  await using world = await createWorld({ worker: false })
  const ready = async () => (await fetch(`${world.url}/readyz`)).status
  assert.equal(await ready(), 200)
  const { knex } = world.deps.database
  const set = async (full: boolean) => {
    world.clock.advance(10_000) // results are cached for seconds
    const { database } = world.deps.config
    if (database.kind === 'postgres') {
      const client = new pg.Client(database.url)
      await client.connect()
      await client.query('set default_transaction_read_only = off') // only of this connection
      const name = client.escapeIdentifier(new URL(database.url).pathname.slice(1))
      await client.query(`alter database ${name} set default_transaction_read_only = ${full ? 'on' : 'off'}`)
      await client.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      )
      await client.end()
    } else {
      const [{ page_count }] = await knex.raw('pragma page_count')
      await knex.raw(`pragma max_page_count = ${full ? page_count : 1_000_000}`)
    }
  }
  await set(true)
  const answer = await fetch(`${world.url}/readyz`)
  assert.equal(answer.status, 503)
  assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/)
  assert.equal((await fetch(`${world.url}/healthz`)).status, 200)
  await set(false)
  await eventually(async () => (await ready()) === 200)
})

test('health: not ready while a loop of the worker is stuck or has ended by itself', async () => {
  await using world = await createWorld({ worker: false })
  const { pulses } = world.deps
  const read = async () => {
    const answer = await fetch(`${world.url}/readyz`)
    return [answer.status, ((await answer.json()) as { worker?: string }).worker]
  }
  assert.deepEqual(await read(), [200, 'elsewhere'])
  const loop = pulses.start('deliveries', 30_000)
  loop.expect(60_000)
  assert.deepEqual(await read(), [200, 'ok'])
  world.clock.advance(91_000)
  assert.deepEqual(await read(), [503, 'stuck'])
  loop.begin()
  loop.expect(0)
  assert.deepEqual(await read(), [200, 'ok'])
  loop.end(false)
  assert.deepEqual(await read(), [503, 'stuck'])
  loop.end(true)
  assert.deepEqual(await read(), [200, 'elsewhere'])
})

test('health: alive but not ready when the database does not respond, and the response reveals no detail', async () => {
  await using world = await createWorld({ worker: false })
  await world.deps.database.close()
  const answer = await fetch(`${world.url}/readyz`)
  assert.equal(answer.status, 503)
  assert.deepEqual(await answer.json(), { status: 'unavailable', database: 'no answer' })
  assert.equal((await fetch(`${world.url}/healthz`)).status, 200)
  assert.ok(world.logs.some(line => line.includes('not ready')))
})
