import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from '../../db/connect.ts'
import { watchLog } from '../../db/sqlite-watch.ts'
import { nodeBeside } from '../deliveries/node-beside.ts'
import { runInOneProcess } from '../support/child.ts'
import { onPostgres } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { poolTransactions } from '../support/transaction-pooler.ts'
import { createWorld, type World } from '../support/world.ts'

/** A connection to the world's database that receives no changes of others, and its remedy. */
async function unnotifiedAccess({ deps: { config }, dataDir }: World) {
  const { database } = config
  if (database.kind === 'postgres') {
    const pooler = await poolTransactions(database.url)
    return {
      env: { DATABASE_URL: pooler.url },
      remedy: { DATABASE_DIRECT_URL: database.url },
      [Symbol.asyncDispose]: () => pooler[Symbol.asyncDispose](),
    }
  }
  const folder = mkdtempSync(join(dataDir, 'elsewhere-')) // SQLite's log is beside the real file, not the link
  symlinkSync(database.file, join(folder, 'latchkey.db'))
  return {
    env: { DATABASE_URL: `sqlite:${join(folder, 'latchkey.db')}` },
    remedy: { DATABASE_URL: `sqlite:${database.file}` },
    async [Symbol.asyncDispose]() {},
  }
}

const install = async (world: World) => {
  const app = await world.app()
  await world.install(await world.person(), app)
  return app
}

test('a channel that receives no changes is logged once; the worker polls, and with the remedy it is woken', async () => {
  await using world = await createWorld({ worker: false })
  await using way = await unnotifiedAccess(world)
  await using unnotified = await nodeBeside(world, way.env)
  const { changes } = unnotified.deps.database
  await changes.start()
  unnotified.deps.worker.start()
  const app = await install(world)
  await app.receiver.waitFor('managed_key.created', 1, 10_000)
  assert.equal(changes.connected(), false)
  const said = () => world.logs.filter(line => line.includes('notifications from other processes do not arrive'))
  await eventually(() => said().length > 0)
  assert.match(await unnotified.deps.metrics.text(unnotified.deps.metricSources), /^latchkey_changes_heard 0$/m)

  await using remedied = await nodeBeside(world, { ...way.env, ...way.remedy })
  await remedied.deps.database.changes.start()
  await eventually(() => remedied.deps.database.changes.fresh())
  assert.equal(remedied.deps.database.changes.connected(), true)
  assert.match(await remedied.deps.metrics.text(remedied.deps.metricSources), /^latchkey_changes_heard 1$/m)
  assert.equal(said().length, 1)
})

test('no listener is opened through a pooler in transaction mode, where it would stay on shared connections', {
  skip: !onPostgres,
}, async () => {
  await using world = await createWorld({ worker: false })
  await using way = await unnotifiedAccess(world)
  const database = connect({ kind: 'postgres', url: way.env.DATABASE_URL })
  try {
    await database.changes.start()
    assert.equal(database.changes.connected(), false)
    const { rows } = await database.look(tx => tx.raw('select pg_listening_channels() as channel'))
    assert.deepEqual(rows, [])
  } finally {
    await database.close()
  }
})

test('doctor: reports a channel that receives no changes, with the remedy', async () => {
  await using world = await createWorld({ worker: false })
  await using way = await unnotifiedAccess(world)
  const base = { DATA_DIR: world.dataDir, LATCHKEY_SECRET: world.deps.config.secrets.join(',') }
  const checkOf = async (env: Record<string, string>) => {
    const { stdout } = await runInOneProcess({ ...base, ...env }, 'doctor')
    const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; detail: string }[] }
    return checks.find(({ name }) => name === 'changes')
  }
  const [unnotified, remedied] = await Promise.all([checkOf(way.env), checkOf({ ...way.env, ...way.remedy })])
  assert.equal(unnotified?.ok, false)
  assert.match(unnotified.detail, onPostgres ? /DATABASE_DIRECT_URL/ : /local disk/)
  assert.equal(remedied?.ok, true)
})

test('heartbeats use the write connection: a channel to another server proves nothing', {
  skip: !onPostgres,
}, async () => {
  await using world = await createWorld({ worker: false })
  await using elsewhere = await createWorld({ worker: false })
  const [here, there] = [world.deps.config.database, elsewhere.deps.config.database]
  assert.ok(here.kind === 'postgres' && there.kind === 'postgres')
  const database = connect({ kind: 'postgres', url: here.url, listenUrl: there.url })
  try {
    const told = Promise.withResolvers<boolean>()
    database.changes.watch(told.resolve)
    await database.changes.start()
    assert.equal(await told.promise, false)
    assert.equal(database.changes.fresh(), false)
  } finally {
    await database.close()
  }
})

test('SQLite: a watch proves that it works and reports where it does not', { skip: onPostgres }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-watch-'))
  const file = join(folder, 'latchkey.db')
  const told: boolean[] = []
  const watched = watchLog(
    file,
    () => undefined,
    alive => told.push(alive),
  )
  const unnotified = watchLog(
    join(folder, 'other.db'),
    () => undefined,
    alive => told.push(alive),
  )
  try {
    writeFileSync(`${file}-wal`, '')
    await watched.start()
    assert.equal(watched.alive(), true)
    await unnotified.start()
    assert.equal(unnotified.alive(), false)
    assert.deepEqual(told, [true, false])
  } finally {
    watched.stop()
    unnotified.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  assert.equal(watched.alive(), false)
})
