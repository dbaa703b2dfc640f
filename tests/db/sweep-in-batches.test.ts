import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database, Tx } from '../../db/connect.ts'
import { sweepOpenRequests } from '../../server/oauth/sweep-open-requests.ts'
import { sweep } from '../../server/sweep.ts'
import { createWorld, type Person, type World } from '../support/world.ts'

const YEARS = 2 * 366 * 86_400_000
const COUNT = 1_100
const MOST = 500

type Row = Record<string, unknown>

/** One expired row for each table; `id` tells the rows apart. */
function lapsing(person: Person, keyId: string): Record<string, (id: string, index: number) => Row> {
  return {
    sessions: id => ({
      id,
      token_hash: id,
      user_id: person.userId,
      account_id: person.accountId,
      ip: '',
      user_agent: '',
      created_at: 0,
      seen_at: 0,
      expires_at: 1,
    }),
    oauth_records: id => ({ model: 'AccessToken', id_hash: id, payload: '', expires_at: 1 }),
    mails: id => ({
      id,
      recipient: 'a@example.com',
      template: 't',
      model: '{}',
      created_at: 0,
      attempts: 9,
      next_attempt_at: 0,
      failed_at: 1,
    }),
    activity_checkpoints: (id, index) => ({ account_id: id, number: index + 1, at: 1, jws: '' }),
    rate_limits: id => ({ id, spent: 1, ends_at: 1 }),
    key_usage_hours: (_id, index) => ({ key_id: keyId, hour: index, calls: 1 }),
    key_usage_addresses: id => ({ key_id: keyId, address: id, seen_at: 1 }),
    key_usage_permissions: id => ({ key_id: keyId, permission: id, used_at: 1 }),
  }
}

async function filled() {
  const world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  await world.install(person, app)
  const { knex } = world.deps.database
  const [{ id: keyId }] = (await knex('keys').select('id')) as [{ id: string }]
  const tables: ReturnType<typeof lapsing> = {
    ...lapsing(person, keyId),
    idempotent_requests: id => ({
      app_id: app.id,
      path: '/v1',
      key_hash: id,
      body_hash: '',
      created_at: 1,
    }),
  }
  for (const [table, rowOf] of Object.entries(tables)) {
    const rows = Array.from({ length: COUNT }, (_, index) => rowOf(`lapsed${index}`, index))
    await knex.batchInsert(table, rows, 100)
  }
  return { world, app, tables: Object.keys(tables) }
}

/** The same database; `most` becomes the largest number of rows that one transaction deleted. */
function counting(world: World, tables: readonly string[]) {
  const { database } = world.deps
  const total = async (tx: Tx) => {
    const counts = tables.map(table => tx(table).count({ count: '*' }))
    const [row] = await tx.select(Object.fromEntries(tables.map((table, index) => [table, counts[index]])))
    return Object.values(row as Row).reduce((sum: number, count) => sum + Number(count), 0)
  }
  const seen = { most: 0 }
  const counted = <Result>(work: (tx: Tx) => Promise<Result>) => {
    return async (tx: Tx) => {
      const before = await total(tx)
      const result = await work(tx)
      seen.most = Math.max(seen.most, before - (await total(tx)))
      return result
    }
  }
  const watched: Database = {
    ...database,
    transaction: work => database.transaction(counted(work)),
    relaxed: work => database.relaxed(counted(work)),
  }
  return { seen, deps: { ...world.deps, database: watched } }
}

test('no transaction of a sweep deletes more than a batch, however many rows have expired', async () => {
  const { world, tables } = await filled()
  await using _ = world
  const { seen, deps } = counting(world, tables)
  const swept = await sweep(deps)
  assert.deepEqual(
    [swept.sessions, swept.oauth_records, swept.mails, swept.checkpoints, swept.rate_limits],
    Array(5).fill(COUNT),
  )
  assert.deepEqual([swept.idempotent_requests, swept.usage], [COUNT, 3 * COUNT])
  assert.equal(seen.most, MOST)
  world.clock.advance(YEARS)
  assert.ok((await sweep(deps)).sessions > 0)
})

test('pending requests are swept in batches, and a request with an Idempotency-Key deletes nothing', async () => {
  const { world, app, tables } = await filled()
  await using _ = world
  const { seen, deps } = counting(world, tables)
  await sweepOpenRequests(deps)
  assert.equal(seen.most, MOST)
  const { knex } = world.deps.database
  const credentials = Buffer.from(`${app.id}:${app.registered.client_secret}`).toString('base64')
  const granted = await fetch(`${world.url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  const { access_token } = (await granted.json()) as { access_token: string }
  const [installation] = await knex('installations').select('id')
  const answer = await fetch(`${world.url}/v1/installations/${installation.id}/suspend`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'idempotency-key': 'one' },
  })
  assert.equal(answer.status, 200)
  assert.equal((await knex('idempotent_requests')).length, COUNT + 1)
})
