import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { onPostgres } from '../support/database.ts'
import { keyAt, keysAt, press, rowsOf } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'
import { gate, lockDeliveries } from './gate.ts'
import { startServer } from './server-process.ts'

/** Real time, because the database waits in real time; nothing is asserted about it. */
const SOME_SECONDS = 3_000

/** An installation whose first event is at its receiver when `away` begins; returns after the wait. */
async function installWhile(world: World, away: () => Promise<() => Promise<void>>): Promise<void> {
  const app = await world.app()
  const person = await world.person()
  const answer = gate()
  app.receiver.behave(answer.behaviour)
  await using server = await startServer(world, { ROLES: 'web,worker' })
  const browser = await server.signIn(person)
  await press({ browser }, await browser.get('/interaction/install/shipyard-hosting'), 'install')
  await answer.arrived
  const back = await away()
  answer.open()
  await app.receiver.waitForAttempt(1)
  await delay(SOME_SECONDS)
  await back()
  await app.receiver.waitFor('managed_key.created', 1, 60_000)
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
  assert.equal(new Set(keysAt(app)).size, 1)
  for (const signal = AbortSignal.timeout(60_000); ; await delay(50)) {
    const [installation] = await rowsOf(world, 'installations')
    if (installation?.['status'] === 'active') break
    signal.throwIfAborted()
  }
}

test('the database is locked for seconds: the worker recovers, and everything is delivered', async () => {
  await using world = await createWorld({ worker: false })
  await installWhile(world, () => lockDeliveries(world.deps))
})

if (onPostgres) {
  test('the database is gone for seconds: the worker recovers, and everything is delivered', async () => {
    await using world = await createWorld({ worker: false })
    const { database } = world.deps.config
    assert.ok(database.kind === 'postgres')
    const name = new URL(database.url).pathname.slice(1)
    const admin = new pg.Client({ connectionString: process.env['TEST_POSTGRES_URL'] })
    await admin.connect()
    try {
      await installWhile(world, async () => {
        await admin.query(`alter database ${name} with allow_connections false`)
        await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
        return async () => void (await admin.query(`alter database ${name} with allow_connections true`))
      })
    } finally {
      await admin.end()
    }
  })
}
