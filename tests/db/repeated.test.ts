import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database, Tx } from '../../db/connect.ts'
import { sweep } from '../../server/sweep.ts'
import { activityOf, countMade, keysAt, uninstall } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'

/** From now on every writing transaction is rolled back once, as after a deadlock, and repeated. */
function repeatEverything(database: Database): { repeated(): number } {
  let repeated = 0
  for (const name of ['transaction', 'relaxed'] as const) {
    const original = database[name]
    database[name] = async <Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> => {
      let tries = 0
      return await original(async tx => {
        const result = await work(tx)
        tries += 1
        if (tries > 1) return result
        repeated += 1
        throw Object.assign(new Error('deadlock detected'), { code: '40P01' })
      })
    }
  }
  return { repeated: () => repeated }
}

async function counted(world: World, series: string): Promise<number> {
  const text = await (await fetch(`${world.url}/metrics`)).text()
  const line = text.split('\n').find(each => each.startsWith(`${series} `)) ?? ''
  return Number(line.slice(series.length))
}

/** Walks through the life of an installation and returns what it leaves and what others observed. */
async function live(repeats: boolean) {
  await using world = await createWorld({ worker: false })
  const wrapped = repeats ? repeatEverything(world.deps.database) : undefined
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  app.receiver.behave('ok', { status: 503 })
  await world.deliver()
  world.clock.advance(120_000)
  await world.deliver()
  const [key = ''] = keysAt(app)
  assert.equal((await world.verify(key, { permission: 'charges:read', ip: '192.0.2.7' }))['valid'], true)
  await world.deps.usage.flush()
  const keyId = String((await world.verify(key))['key_id'])
  const headers = { authorization: `Bearer ${installed.tokens.access_token}`, 'content-type': 'application/json' }
  const rotate = async () =>
    await fetch(`${world.url}/v1/keys/${keyId}/rotate`, {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': 'once' },
      body: JSON.stringify({ overlap_seconds: 3_600 }),
    })
  const rotated = [(await rotate()).status, (await rotate()).status]
  await world.deliver()
  await uninstall(person, installed.id)
  await world.deliver()
  await sweep(world.deps)
  const [usage] = await world.deps.database.knex('key_usage_hours').sum({ calls: 'calls' })
  return {
    repeated: wrapped?.repeated() ?? 0,
    outcome: {
      rotated,
      usage: Number(usage?.calls),
      made: await countMade(world),
      activity: await activityOf(world, person.accountId),
      events: app.receiver.events.map(({ type }) => type),
      keys: keysAt(app).length,
      delivered: await counted(world, 'latchkey_deliveries_total{status="delivered"}'),
      failed: await counted(world, 'latchkey_deliveries_total{status="failed"}'),
    },
  }
}

test('a repeated transaction leaves the same result as one that runs once', async () => {
  const [once, twice] = [await live(false), await live(true)]
  assert.ok(twice.repeated > 20, String(twice.repeated))
  assert.deepEqual(twice.outcome, once.outcome)
  assert.deepEqual([once.outcome.rotated, once.outcome.keys, once.outcome.usage], [[201, 201], 2, 2])
})
