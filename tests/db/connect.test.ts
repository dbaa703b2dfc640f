import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, type Database, type DatabaseTarget, isUniqueViolation, locked, migrate } from '../../db/connect.ts'
import { migrations } from '../../db/migrations.ts'
import { SchemaFault } from '../../server/base/errors.ts'
import { freshDatabaseUrl, onPostgres } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { proxyPostgres } from '../support/postgres-proxy.ts'
import { snapshot } from '../support/snapshot.ts'

type Empty = AsyncDisposable & { target: DatabaseTarget; folder: string; open(): Database }

/** A database without tables, and any number of connections to it. */
async function emptyDatabase(): Promise<Empty> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-db-'))
  const { url, drop } = await freshDatabaseUrl(folder)
  const target: DatabaseTarget = onPostgres
    ? { kind: 'postgres', url }
    : { kind: 'sqlite', file: join(folder, 'inner', 'latchkey.db') }
  const opened: Database[] = []
  return {
    target,
    folder,
    open() {
      const database = connect(target)
      opened.push(database)
      return database
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map(database => database.close()))
      await drop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function tablesOf({ knex, kind }: Database): Promise<string[]> {
  const names: string[] =
    kind === 'sqlite'
      ? await knex('sqlite_master').where({ type: 'table' }).pluck('name')
      : await knex('information_schema.tables').where({ table_schema: 'public' }).pluck('table_name')
  return names.filter(name => !name.startsWith('knex_') && !name.startsWith('sqlite_')).sort()
}

/** Columns, indexes and constraints as the database reports them. */
async function schemaOf({ knex, kind }: Database): Promise<unknown> {
  if (kind === 'sqlite')
    return await knex('sqlite_master').whereNot('name', 'like', 'knex_%').orderBy('name').select('name', 'sql')
  const columns = await knex('information_schema.columns')
    .where({ table_schema: 'public' })
    .orderBy(['table_name', 'column_name'])
    .select('table_name', 'column_name', 'data_type', 'is_nullable', 'column_default', 'character_maximum_length')
  const indexes = await knex('pg_indexes')
    .where({ schemaname: 'public' })
    .orderBy('indexname')
    .select('indexname', 'indexdef')
  return { columns, indexes }
}

/** Runs `work` in `count` processes at once, each with its own connection; returns their exit codes. */
async function inProcesses({ target, folder }: Empty, count: number, work: string): Promise<unknown[]> {
  const script = join(folder, 'work.ts')
  const module = JSON.stringify(join(import.meta.dirname, '../../db/connect.ts'))
  const opening = `import { connect, locked, migrate } from ${module}\nconst database = connect(JSON.parse(process.argv[2]))`
  writeFileSync(script, `${opening}\n${work}\nawait database.close()\nprocess.disconnect()`)
  const children = Array.from({ length: count }, () => fork(script, [JSON.stringify(target)], { stdio: 'inherit' }))
  return await Promise.all(children.map(async child => (await once(child, 'close'))[0]))
}

const account = (id: string) => ({ id, name: 'Harbor Books', created_at: 1 })

test('migrations: forward, back to nothing, and forward again to the same schema', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  await migrate(database)
  const first = await schemaOf(database)
  assert.ok((await tablesOf(database)).length > 15)
  await database.knex.migrate.rollback(undefined, true)
  assert.deepEqual(await tablesOf(database), [])
  await migrate(database)
  assert.deepEqual(await schemaOf(database), first)
})

test('migrations: each step back restores the schema of the step before', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  const after: string[][] = [[]]
  for (const _ of await migrations.getMigrations([])) {
    await database.knex.migrate.up()
    after.push(await tablesOf(database))
  }
  assert.deepEqual(await database.pendingMigrations(), [])
  for (const tables of after.slice(0, -1).reverse()) {
    await database.knex.migrate.down()
    assert.deepEqual(await tablesOf(database), tables)
  }
})

test('migrations: pending steps are listed without a change, also for an empty database', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  const all = (await migrations.getMigrations([])).map(step => migrations.getMigrationName(step))
  assert.deepEqual(await database.pendingMigrations(), all)
  assert.deepEqual(await tablesOf(database), [])
  await database.knex.migrate.up()
  assert.deepEqual(await database.pendingMigrations(), all.slice(1))
  await migrate(database)
  assert.deepEqual(await database.pendingMigrations(), [])
})

test('migrations: nodes that start at the same moment all start, and each step runs once', async () => {
  await using empty = await emptyDatabase()
  const codes = await inProcesses(empty, 5, 'await migrate(database)')
  assert.deepEqual(codes, [0, 0, 0, 0, 0])
  const database = empty.open()
  const names: string[] = await database.knex('knex_migrations').orderBy('id').pluck('name')
  assert.deepEqual(
    names,
    (await migrations.getMigrations([])).map(step => migrations.getMigrationName(step)),
  )
})

test('migrations: a database that is current, or newer than this version, is left alone', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  await migrate(database)
  await database.knex('knex_migrations').insert({ name: '999-from-the-future', batch: 9 })
  const before = await snapshot(database)
  await migrate(database)
  assert.equal(await snapshot(database), before)
})

test('migrations: a database of an unreleased checkout is refused, unchanged, with what to do', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  await migrate(database)
  await database.knex('knex_migrations').where({ name: '002-activity' }).update({ name: '002-apps' })
  const before = await snapshot(database)
  await assert.rejects(
    migrate(database),
    (error: Error) =>
      error instanceof SchemaFault && /does not know \(002-apps\).*Start with an empty database/.test(error.message),
  )
  assert.equal(await snapshot(database), before)
})

test('transaction: commits all of it or nothing', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  await migrate(database)
  const fails = database.transaction(async tx => {
    await tx('accounts').insert(account('acct_1'))
    throw new Error('no')
  })
  await assert.rejects(fails, /no/)
  assert.deepEqual(await database.knex('accounts'), [])
})

test('transaction: a writer waits for a second connection that has the lock', async () => {
  await using empty = await emptyDatabase()
  const [first, second] = [empty.open(), empty.open()]
  await migrate(first)
  await first.knex('accounts').insert(account('acct_1'))
  const [begun, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const order: string[] = []
  const holder = first.transaction(async tx => {
    await tx('accounts').where({ id: 'acct_1' }).update({ name: 'first' })
    begun.resolve()
    await release.promise
    order.push('first commits')
  })
  await begun.promise
  const asks = new Promise<void>(resolve => {
    second.knex.on(
      'query',
      ({ sql }: { sql: string }) => /^begin immediate|for update$/i.test(sql.replace(';', '')) && resolve(),
    )
  })
  const waiter = second.transaction(async tx => {
    const [row] = await locked(tx('accounts').where({ id: 'acct_1' })) // read, then write: a deferred transaction would fail at once
    await tx('accounts')
      .where({ id: 'acct_1' })
      .update({ name: `${row.name}, then second` })
    order.push('second writes')
  })
  await asks
  release.resolve()
  await Promise.all([holder, waiter])
  assert.deepEqual(order, ['first commits', 'second writes'])
  assert.equal((await first.knex('accounts').first('name')).name, 'first, then second')
})

test('transaction: read-modify-write in several processes loses no update', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  await migrate(database)
  await database.knex('accounts').insert({ ...account('acct_1'), created_at: 0 })
  const codes = await inProcesses(
    empty,
    4,
    `for (let count = 0; count < 25; count += 1) {
      await database.transaction(async tx => {
        const row = await locked(tx('accounts').where({ id: 'acct_1' })).first()
        await tx('accounts').where({ id: 'acct_1' }).update({ created_at: row.created_at + 1 })
      })
    }`,
  )
  assert.deepEqual(codes, [0, 0, 0, 0])
  assert.equal((await database.knex('accounts').first()).created_at, 100)
})

test('read: a consistent snapshot in spite of other commits, and no writer waits for it', async () => {
  await using empty = await emptyDatabase()
  const [reader, writer] = [empty.open(), empty.open()]
  await migrate(reader)
  await reader.read(async tx => {
    assert.deepEqual(await tx('accounts'), [])
    await writer.transaction(async other => void (await other('accounts').insert(account('acct_1'))))
    assert.deepEqual(await tx('accounts'), [])
  })
  assert.equal((await reader.read(tx => tx('accounts'))).length, 1)
})

test('read: rejects writes', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  await migrate(database)
  await assert.rejects(
    database.read(async tx => void (await tx('accounts').insert(account('acct_1')))),
    /read-?only/i,
  )
  assert.deepEqual(await database.knex('accounts'), [])
})

test('unique: a duplicate row is distinguished from every other fault', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  await migrate(database)
  const faultOf = async (work: Promise<unknown>): Promise<unknown> => {
    try {
      await work
    } catch (error) {
      return error
    }
    return undefined
  }
  const user = { id: 'usr_1', email: 'a@example.com', email_key: 'a@example.com', password_hash: 'x', created_at: 1 }
  await database.knex('accounts').insert(account('acct_1'))
  await database.knex('users').insert(user)
  const membership = { account_id: 'acct_1', user_id: 'usr_1', role: 'owner', created_at: 1 }
  await database.knex('memberships').insert(membership)
  const twice = [
    await faultOf(database.knex('accounts').insert(account('acct_1'))),
    await faultOf(database.knex('users').insert({ ...user, id: 'usr_2' })),
    await faultOf(database.knex('memberships').insert(membership)),
  ]
  const others = [
    await faultOf(database.knex('accounts').insert({ id: 'acct_2', name: null, created_at: 1 })),
    await faultOf(database.knex('memberships').insert({ ...membership, user_id: 'usr_none' })),
    await faultOf(database.knex('nowhere').insert({ id: 1 })),
    undefined,
    new Error('UNIQUE'),
  ]
  for (const fault of twice) assert.equal(isUniqueViolation(fault), true, String(fault))
  for (const fault of others) assert.equal(isUniqueViolation(fault), false, String(fault))
})

test('errors: a failed statement is named without its values', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  await migrate(database)
  await database.knex('accounts').insert(account('acct_1'))
  await assert.rejects(
    database.knex('accounts').insert({ ...account('acct_1'), name: 'what must not be logged' }),
    (error: Error) => !`${error.message} ${error.stack}`.includes('what must not be logged'),
  )
})

test('times: a 64-bit integer is read as a number', async () => {
  await using empty = await emptyDatabase()
  const database = empty.open()
  await migrate(database)
  await database.knex('accounts').insert({ ...account('acct_1'), created_at: 2 ** 52 })
  assert.equal((await database.knex('accounts').first()).created_at, 2 ** 52)
})

test('SQLite: write-ahead log, foreign keys, a busy timeout, and deleted content is overwritten', async t => {
  if (onPostgres) return t.diagnostic('about SQLite')
  await using empty = await emptyDatabase()
  const database = empty.open()
  await migrate(database)
  const pragma = async (name: string) => Object.values((await database.knex.raw(`pragma ${name}`))[0])[0]
  assert.equal(await pragma('journal_mode'), 'wal')
  assert.equal(await pragma('foreign_keys'), 1)
  assert.equal(await pragma('busy_timeout'), 10_000)
  assert.equal(await pragma('synchronous'), 2)
  assert.equal(await pragma('secure_delete'), 1)
})

test('SQLite: its files are private to their owner from the first moment on, and existing ones become so', async t => {
  if (onPostgres) return t.diagnostic('about SQLite')
  await using empty = await emptyDatabase()
  assert.ok(empty.target.kind === 'sqlite')
  const { file } = empty.target
  const modeOf = (path: string) => statSync(path).mode & 0o777
  const before = process.umask(0)
  try {
    const database = empty.open()
    await migrate(database)
    assert.equal(modeOf(join(file, '..')), 0o700)
    for (const path of [file, `${file}-wal`, `${file}-shm`]) assert.equal(modeOf(path), 0o600, path)
    assert.match(readFileSync(file, 'latin1').slice(0, 15), /^SQLite format 3/)
    await database.close()
    chmodSync(file, 0o644)
    empty.open()
    assert.equal(modeOf(file), 0o600)
  } finally {
    process.umask(before)
  }
})

test('PostgreSQL: connections that stop responding are dropped and replaced', {
  skip: !onPostgres,
}, async () => {
  await using empty = await emptyDatabase()
  const direct = empty.open()
  await migrate(direct)
  assert.ok(empty.target.kind === 'postgres')
  await using proxy = await proxyPostgres(empty.target.url)
  const database = connect({ kind: 'postgres', url: proxy.url }, { patienceMs: 300 })
  try {
    const count = async () => await database.look(async tx => await tx('accounts').count())
    await Promise.all(Array.from({ length: 10 }, count))
    proxy.freeze(() => true)
    await eventually(() =>
      count().then(
        () => true,
        () => false,
      ),
    )
    await Promise.all(Array.from({ length: 10 }, count).map(asked => asked.catch(() => undefined)))
    for (let round = 0; round < 20; round += 1) await count()
  } finally {
    await database.close()
  }
})
