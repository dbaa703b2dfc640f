import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { connect, migrate } from '../../db/connect.ts'
import { opaqueToken, systemRandom } from '../../server/base/random.ts'
import {
  createInstance,
  type Ended,
  failToStart,
  type Instance,
  runCommand,
  runInOneProcess,
} from '../support/child.ts'
import { onPostgres } from '../support/database.ts'
import { PASSWORD } from '../support/world.ts'

const ADA = ['--email', 'ada@example.com', '--password', PASSWORD, '--account-name', 'Harbor Books']
/** The user nobody on Linux. */
const NOBODY = 65_534

type Report = { ok: boolean; checks: { name: string; ok: boolean; detail: string }[] }

function reportOf({ stdout, stderr, code }: Ended): Report {
  assert.equal(stderr, '')
  const report = JSON.parse(stdout) as Report
  assert.equal(code, report.ok ? 0 : 1)
  assert.equal(
    report.ok,
    report.checks.every(({ ok }) => ok),
  )
  return report
}

const doctor = async (instance: Instance, env: Record<string, string> = {}) =>
  reportOf(await runInOneProcess({ ...instance.env, ...env }, 'doctor'))
const ill = ({ checks }: Report) => checks.filter(({ ok }) => !ok).map(({ name }) => name)

const databaseOf = ({ env, dataDir }: Instance) =>
  connect(
    onPostgres
      ? { kind: 'postgres', url: env['DATABASE_URL'] ?? '' }
      : { kind: 'sqlite', file: join(dataDir, 'latchkey.db') },
  )

test('migrate: creates the data folder, the root secret and the schema without a server', async () => {
  await using instance = await createInstance()
  const ended = await runCommand(instance.env, 'migrate')
  assert.equal(ended.code, 0, ended.stderr)
  assert.equal(ended.stdout, '{"pending":0}\n')
  if (onPostgres) return
  for (const file of ['latchkey.db', 'root-secret'])
    assert.equal(statSync(join(instance.dataDir, file)).mode & 0o777, 0o600, file)
})

test('audit verify: an altered log exits with status 1 and names account and number', async () => {
  await using instance = await createInstance()
  await runInOneProcess(instance.env, 'migrate')
  const made = await runInOneProcess(instance.env, 'user', 'create', ...ADA)
  const { account_id } = JSON.parse(made.stdout) as { account_id: string }
  const kept = await runInOneProcess(instance.env, 'audit', 'checkpoints')
  const file = join(dirname(instance.dataDir), 'kept.json')
  writeFileSync(file, kept.stdout)
  const whole = await runInOneProcess(instance.env, 'audit', 'verify', '--checkpoint', file)
  assert.deepEqual(JSON.parse(whole.stdout), { accounts: 1, entries: 1, erased: 0, checkpoints: 1, unbroken: true })
  const database = databaseOf(instance)
  await database.knex('activity').where({ account_id, number: 1 }).update({ what: 'nothing.happened' })
  await database.close()
  const ended = await runInOneProcess(instance.env, 'audit', 'verify')
  assert.equal(ended.code, 1)
  assert.equal(ended.stdout, '')
  assert.ok(ended.stderr.includes(`{"account_id":"${account_id}","number":1}`), ended.stderr)
})

test('commands: only migrate creates an instance; the others say where they looked', async () => {
  await using instance = await createInstance()
  for (const command of [
    ['verifier', 'create', '--name', 'API'],
    ['user', 'create', ...ADA],
    ['sweep'],
    ['audit', 'verify'],
  ]) {
    const ended = await runInOneProcess(instance.env, ...command)
    assert.deepEqual([ended.code, ended.stdout], [1, ''], command.join(' '))
    assert.match(
      ended.stderr,
      onPostgres
        ? /DATABASE_URL: there is no Latchkey instance/
        : /DATA_DIR: there is no Latchkey instance at .*latchkey\.db/,
    )
    assert.equal(existsSync(instance.dataDir), false)
  }
})

test('commands: files created by root stay readable for the server’s user', async t => {
  if (process.getuid?.() !== 0) return t.skip('about root')
  if (onPostgres) return t.skip('about SQLite')
  await using instance = await createInstance()
  mkdirSync(instance.dataDir)
  chownSync(instance.dataDir, NOBODY, NOBODY)
  await runInOneProcess(instance.env, 'migrate')
  const connected = databaseOf(instance) // an open connection keeps the -wal and -shm files in the folder
  await connected.knex('accounts').select()
  for (const command of [['user', 'create', ...ADA], ['verifier', 'create', '--name', 'API'], ['doctor']])
    assert.equal((await runInOneProcess(instance.env, ...command)).code, 0, command.join(' '))
  const owners = Object.fromEntries(
    readdirSync(instance.dataDir).map(file => [file, statSync(join(instance.dataDir, file)).uid]),
  )
  await connected.close()
  const files = ['latchkey.db', 'latchkey.db-shm', 'latchkey.db-wal', 'root-secret']
  assert.deepEqual(owners, Object.fromEntries(files.map(file => [file, NOBODY])))
})

test('doctor --integrity: reports a damaged SQLite file; without the option the file is not read', {
  skip: onPostgres,
}, async () => {
  await using instance = await createInstance()
  await runInOneProcess(instance.env, 'migrate')
  const sound = reportOf(await runInOneProcess(instance.env, 'doctor', '--integrity'))
  assert.deepEqual(ill(sound), [])
  const file = openSync(join(instance.dataDir, 'latchkey.db'), 'r+')
  for (let page = 40; page < 60; page += 1) writeSync(file, Buffer.alloc(2_000, 7), 0, 2_000, page * 4_096)
  closeSync(file)
  const damaged = reportOf(await runInOneProcess(instance.env, 'doctor', '--integrity'))
  assert.ok(ill(damaged).includes('integrity'))
  assert.match(damaged.checks.at(-1)?.detail ?? '', /docs\/backup\.md/)
})

test('doctor: before the first start it reports what is missing and creates nothing', async () => {
  await using instance = await createInstance()
  const report = await doctor(instance)
  assert.deepEqual(
    report.checks.map(({ name }) => name),
    ['public_url', 'data_dir', 'root_secret', 'database', 'migrations'],
  )
  assert.deepEqual(
    ill(report),
    onPostgres ? ['data_dir', 'migrations'] : ['data_dir', 'root_secret', 'database', 'migrations'],
  )
  assert.equal(existsSync(instance.dataDir), false)
})

test('doctor: passes after the first start, and reports each fault', async () => {
  await using instance = await createInstance()
  const { LATCHKEY_SECRET: _, ...own } = instance.env
  await runInOneProcess(instance.env, 'migrate')
  if (onPostgres) await runInOneProcess({ DATA_DIR: instance.dataDir }, 'migrate')
  assert.deepEqual(ill(await doctor(instance)), [])
  const public_ = await doctor(instance, { PUBLIC_URL: 'https://connect.example.com' })
  assert.equal(public_.checks[0]?.detail, 'https://connect.example.com')
  const database = databaseOf(instance)
  await database.knex.migrate.down()
  await database.close()
  const behind = await doctor(instance)
  assert.deepEqual(ill(behind), ['migrations'])
  assert.match(behind.checks.at(-1)?.detail ?? '', /^pending: \d{3}-/)
  if (onPostgres) return
  chmodSync(join(instance.dataDir, 'root-secret'), 0o644)
  const open = await doctor({ ...instance, env: own })
  assert.deepEqual(ill(open), ['root_secret', 'migrations'])
  assert.match(open.checks[2]?.detail ?? '', /0644; it must be 0600/)
})

test('a database of an unreleased checkout: doctor, commands and the server say in one line what to do', async () => {
  await using instance = await createInstance()
  mkdirSync(instance.dataDir, { recursive: true })
  const database = databaseOf(instance)
  await migrate(database)
  await database.knex('knex_migrations').where({ name: '002-activity' }).update({ name: '002-apps' })
  await database.close()
  const told = /^the database was created by an unreleased checkout: .*\(002-apps\).* empty database .*\n?$/
  const secret = { LATCHKEY_SECRET: opaqueToken(systemRandom) }
  const [report, command, server] = await Promise.all([
    doctor(instance, secret),
    runInOneProcess({ ...instance.env, ...secret }, 'sweep'),
    failToStart({ ...instance.env, ...secret }),
  ])
  assert.deepEqual(ill(report), ['migrations'])
  assert.match(report.checks.at(-1)?.detail ?? '', told)
  assert.deepEqual([command.code, server.code], [1, 1])
  for (const { stderr } of [command, server]) assert.match(stderr, told)
})

test('doctor: reports a database that refuses writes and a worker that died', async t => {
  await using instance = await createInstance()
  await runInOneProcess(instance.env, 'migrate')
  if (onPostgres) mkdirSync(instance.dataDir, { recursive: true })
  const sound = await doctor(instance)
  assert.deepEqual(ill(sound), [])
  const detailOf = (report: Report, name: string) => report.checks.find(check => check.name === name)?.detail ?? ''
  assert.equal(detailOf(sound, 'worker'), 'none runs')
  const database = databaseOf(instance)
  t.after(() => database.close())
  assert.equal((await database.knex('heartbeats')).length, 0, 'nothing is left behind')
  await database.knex('heartbeats').insert({ id: 'died', kind: 'worker', at: 1, ill: '' })
  const died = await doctor(instance)
  assert.deepEqual(ill(died), ['worker'])
  assert.match(detailOf(died, 'worker'), /none shut down cleanly/)
  await database.knex('heartbeats').delete()
  if (onPostgres) {
    const name = new URL(instance.env['DATABASE_URL'] ?? '').pathname.slice(1)
    await database.knex.raw(`alter database ${name} set default_transaction_read_only = on`)
  } else {
    await database.knex.raw("create trigger refused before insert on heartbeats begin select raise(abort, 'full'); end")
  }
  const refused = await doctor(instance)
  assert.ok(ill(refused).includes('writes'))
  assert.match(detailOf(refused, 'writes'), /^a write failed/)
})

test('doctor: reports invalid configuration check by check', async () => {
  await using instance = await createInstance()
  const report = await doctor(instance, { PUBLIC_URL: 'http://connect.example.com', PORT: 'http' })
  assert.deepEqual(ill(report), ['configuration', 'configuration'])
  assert.deepEqual(report.checks.map(({ detail }) => detail.split(':')[0]).sort(), ['PORT', 'PUBLIC_URL'])
})

test('doctor: reports a database that does not respond, without its password', async () => {
  await using instance = await createInstance()
  const password = 'not-to-be-repeated'
  const env = { DATABASE_URL: `postgres://me:${password}@127.0.0.1:9/latchkey`, LATCHKEY_SECRET: 'a'.repeat(40) }
  const ended = await runInOneProcess({ ...instance.env, ...env }, 'doctor')
  assert.ok(ill(reportOf(ended)).includes('database'))
  assert.ok(!ended.stdout.includes(password))
})

test('the server, commands and doctor report an unusable SQLite file without a stack trace', {
  skip: onPostgres,
}, async () => {
  await using instance = await createInstance()
  const file = join(instance.dataDir, 'latchkey.db')
  mkdirSync(file, { recursive: true })
  const [started, commanded, examined] = await Promise.all([
    failToStart(instance.env),
    runInOneProcess(instance.env, 'verifier', 'create', '--name', 'API'),
    doctor(instance, {}),
  ])
  for (const { code, stderr } of [started, commanded]) {
    assert.equal(code, 1)
    assert.ok(stderr.includes(`${file} cannot be used`), stderr)
    assert.doesNotMatch(stderr, /^ +at /m)
  }
  assert.ok(ill(examined).includes('database'))
  assert.ok(examined.checks.some(({ detail }) => detail.includes(`${file} cannot be used`)))
})
