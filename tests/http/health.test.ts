import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld } from '../support/world.ts'

test('health: alive and ready, without a session and for any site that asks', async () => {
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

test('health: alive but not ready where the database does not answer, and the answer gives nothing away', async () => {
  await using world = await createWorld({ worker: false })
  await world.deps.database.close()
  const answer = await fetch(`${world.url}/readyz`)
  assert.equal(answer.status, 503)
  assert.deepEqual(await answer.json(), { status: 'unavailable', database: 'no answer' })
  assert.equal((await fetch(`${world.url}/healthz`)).status, 200)
  assert.ok(world.logs.some(line => line.includes('not ready')))
})
