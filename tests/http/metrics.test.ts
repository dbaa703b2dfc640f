import assert from 'node:assert/strict'
import { test } from 'node:test'
import { request } from 'undici'
import { mintSecret } from '../../server/base/secret-format.ts'
import { queueState } from '../../server/deliveries/queue-store.ts'
import { keyAt } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'

/** Reads the value of one series, as Prometheus does. */
async function read(world: World): Promise<(series: string) => number | undefined> {
  const answer = await fetch(`${world.url}/metrics`)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  const lines = (await answer.text()).split('\n')
  return series => {
    const line = lines.find(text => text.startsWith(`${series} `))
    return line === undefined ? undefined : Number(line.slice(series.length))
  }
}

test('metrics: pending deliveries, deliveries and verifications by result, and response times', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  app.receiver.behave('ok', { status: 503 })
  await world.install(await world.person(), app)
  assert.equal((await read(world))('latchkey_deliveries_pending'), 2)
  await world.deliver()
  world.clock.advance(120_000)
  const waiting = await read(world)
  assert.deepEqual(
    [waiting('latchkey_deliveries_pending'), waiting('latchkey_deliveries_total{status="delivered"}')],
    [1, 1],
  )
  assert.equal(waiting('latchkey_delivery_attempts_total{outcome="5xx"}'), 1)
  assert.ok(Number(waiting('latchkey_delivery_queue_age_seconds')) > 100)
  await world.deliver()
  await world.verify(keyAt(app))
  await world.verify(keyAt(app), { permission: 'refunds:read' })
  await world.verify(mintSecret(world.deps.random, 'lkm_live_'))
  const after = await read(world)
  for (const result of ['valid', 'insufficient_permissions', 'not_found'])
    assert.equal(after(`latchkey_verifications_total{result="${result}"}`), 1, result)
  assert.equal(after('latchkey_delivery_queue_age_seconds'), 0)
  assert.equal(after('latchkey_mails_pending'), 0)
  assert.ok(Number(after('latchkey_http_request_duration_seconds_count{method="POST",area="oauth",status="200"}')) >= 1)
})

test('metrics: readable from this machine only, and not through a proxy on it', async () => {
  await using world = await createWorld({ worker: false })
  assert.equal((await fetch(`${world.url}/metrics`)).status, 200)
  for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'])
    assert.equal((await fetch(`${world.url}/metrics`, { headers: { [name]: '127.0.0.1' } })).status, 404)
})

test('metrics: a name that merely resolves to this machine is refused (DNS rebinding)', async () => {
  await using world = await createWorld({ worker: false })
  const status = async (host: string) =>
    await request(`${world.url}/metrics`, { headers: { host } }).then(async answer => {
      await answer.body.dump()
      return answer.statusCode
    })
  for (const host of ['localhost', 'localhost:3000', '127.0.0.1', '127.1.2.3:80', '[::1]:3000', 'LOCALHOST'])
    assert.equal(await status(host), 200, host)
  for (const host of [
    'attacker.example',
    'attacker.example:3000',
    'localhost.attacker.example',
    '127.0.0.1.nip.io',
    '192.168.0.9',
    '',
  ])
    assert.equal(await status(host), 404, host)
})

test('metrics: METRICS_TOKEN is required where it is set', async () => {
  const token = 'a token of some length'
  await using world = await createWorld({ worker: false, env: { METRICS_TOKEN: token } })
  const status = async (authorization?: string) =>
    (await fetch(`${world.url}/metrics`, { headers: authorization ? { authorization } : {} })).status
  assert.deepEqual([await status(), await status('Bearer wrong'), await status(token)], [401, 401, 401])
  assert.equal(await status(`Bearer ${token}`), 200)
})

test('metrics: unknown paths are one series, and no series contains an identifier', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await person.browser.get(`/apps/${id}`)
  for (let count = 0; count < 20; count += 1) await fetch(`${world.url}/made-up-${count}`)
  const text = await (await fetch(`${world.url}/metrics`)).text()
  assert.ok(!text.includes('made-up') && !/(?:ins|app|acct|key)_[0-9a-z]{26}/.test(text))
  assert.match(text, /area="other",status="404"/)
})

test('pending deliveries are counted up to a bound; the oldest due one is found app by app', async () => {
  await using world = await createWorld({ worker: false })
  const { database, clock } = world.deps
  const state = async (at: number, most?: number) => await database.read(tx => queueState(tx, at, most))
  assert.deepEqual(await state(clock.now()), { pending: 0, oldestDueAt: undefined })
  for (let index = 0; index < 2; index += 1) await world.install(await world.person(), await world.app())
  const rows: { id: string; next_attempt_at: number }[] = await database.knex('deliveries').orderBy('id')
  const [first = 0] = rows.map(row => row.next_attempt_at)
  const [, , ...ofSecond] = rows
  for (const { id } of ofSecond)
    await database
      .knex('deliveries')
      .where({ id })
      .update({ slow: true, next_attempt_at: first - 500 })
  assert.deepEqual(await state(clock.now()), { pending: 4, oldestDueAt: first - 500 })
  assert.deepEqual(await state(first - 501), { pending: 4, oldestDueAt: undefined })
  assert.equal((await state(clock.now(), 3)).pending, 3)
})
