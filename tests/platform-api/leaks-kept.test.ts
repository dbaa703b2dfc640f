import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mintSecret } from '../../server/base/secret-format.ts'
import { dealWithLeftReports, takeLeakReport } from '../../server/key-life/take-leak-report.ts'
import { installManaged } from '../key-life/key-steps.ts'
import { eventually } from '../support/eventually.ts'
import { rowsOf } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'

const MINUTE = 60_000

const report = (world: World, tokens: string[]) =>
  fetch(`${world.url}/v1/leaks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tokens }),
  })

test('an acknowledged report is processed even if its process fails or dies right after the response', async () => {
  await using world = await createWorld()
  const { key, app } = await installManaged(world)
  const { database } = world.deps
  const { transaction } = database
  let left = 1
  database.transaction = work => {
    if (left === 0) return Promise.reject(new Error('the process dies here'))
    left -= 1
    return transaction(work)
  }
  assert.equal((await report(world, [key, 'no key at all'])).status, 202)
  await eventually(() => world.logs.some(line => line.includes('a leak report could not be processed')))
  database.transaction = transaction
  assert.equal((await world.verify(key))['valid'], true)
  const [kept] = await rowsOf(world, 'leak_reports')
  assert.ok(!JSON.stringify(kept).includes(key), 'only hashes are stored')

  assert.ok(await dealWithLeftReports(world.deps), 'the process that took it has a minute for it')
  assert.equal((await world.verify(key))['valid'], true)
  world.clock.advance(MINUTE)
  await dealWithLeftReports(world.deps)
  assert.equal(await dealWithLeftReports(world.deps), undefined)
  assert.equal((await world.verify(key))['code'], 'expired')
  assert.equal((await app.receiver.waitFor('managed_key.rotated')).body.data.reason, 'leaked')
  assert.deepEqual(await rowsOf(world, 'leak_reports'), [])
})

test('a report costs the same writes for any tokens', async () => {
  await using world = await createWorld({ worker: false })
  const statements: string[] = []
  world.deps.database.knex.on('query', ({ sql }: { sql: string }) => {
    if (/leak_reports|"keys"|`keys`|verifiers/.test(sql)) statements.push(sql)
  })
  const asked: string[][] = []
  for (const tokens of [['nothing'], [mintSecret(world.deps.random, 'lkm_live_')], [world.verifierKey]]) {
    statements.length = 0
    await takeLeakReport(world.deps, tokens, '192.0.2.1')
    asked.push([...statements])
  }
  assert.equal(asked[0]?.length, 1)
  assert.deepEqual(asked[1], asked[0])
  assert.deepEqual(asked[2], asked[0])
})
