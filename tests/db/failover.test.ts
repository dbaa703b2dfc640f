import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { connect, type Database, type DatabaseTarget, migrate, type Tx } from '../../db/connect.ts'
import { DatabaseAway } from '../../server/base/errors.ts'
import { migratedDatabaseUrl, onPostgres } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { type PostgresProxy, proxyPostgres } from '../support/postgres-proxy.ts'

type Pair = AsyncDisposable & { proxy: PostgresProxy; first: string; second: string }

/** Two servers behind one address that leads to the first. */
async function twoServers(): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-failover-'))
  const [first, second] = [await migratedDatabaseUrl(folder), await migratedDatabaseUrl(folder)]
  const proxy = await proxyPostgres(first.url)
  return {
    proxy,
    first: first.url,
    second: second.url,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await first.drop()
      await second.drop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function ask(url: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements.slice(0, -1)) await client.query(statement)
    return (await client.query(statements.at(-1) ?? '')).rows
  } finally {
    await client.end()
  }
}

/** Demotes a server: its connections stay open, and writes fail. */
async function makeReadOnly(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  await ask(url, `alter database ${name} set default_transaction_read_only = on`)
}

const insert = (database: Database, id: string) =>
  database.transaction(async tx => void (await tx('accounts').insert({ id, name: 'Harbor Books', created_at: 1 })))

/** Opens as many connections as the pool allows, and runs `work` on each. */
async function eachConnection(database: Database, work: (tx: Tx) => Promise<unknown>): Promise<void> {
  const all = Promise.withResolvers<void>()
  let reached = 0
  const run = () =>
    database.read(async tx => {
      await work(tx)
      reached += 1
      if (reached === 10) all.resolve()
      await all.promise
    })
  await Promise.all(Array.from({ length: 10 }, run))
}

const fillPool = (database: Database) => eachConnection(database, tx => tx('accounts').first())

test('failover: no write fails when the server behind open connections becomes read-only', {
  skip: !onPostgres,
}, async () => {
  await using servers = await twoServers()
  const database = connect({ kind: 'postgres', url: servers.proxy.url })
  try {
    await database.changes.start()
    await fillPool(database)
    await eachConnection(database, tx => tx.raw('set default_transaction_read_only = on'))
    await makeReadOnly(servers.first)
    servers.proxy.leadTo(servers.second)
    const heard: string[] = []
    database.changes.listen(change => heard.push(change))
    await Promise.all(Array.from({ length: 30 }, (_, count) => insert(database, `acct_${count}`)))
    const [row] = await ask(servers.second, 'select count(*)::int as count from accounts')
    assert.equal(row?.['count'], 30)
    assert.equal((await database.read(tx => tx('accounts'))).length, 30, 'reads come from the new server too')
    assert.ok(heard.includes('anything'), 'the change feed follows')
    await eventually(() => database.changes.fresh())
  } finally {
    await database.close()
  }
})

test('failover: a server that shuts down in a transaction causes one retry, and nothing is done twice', {
  skip: !onPostgres,
}, async () => {
  await using servers = await twoServers()
  const database = connect({ kind: 'postgres', url: servers.proxy.url })
  try {
    let runs = 0
    await database.transaction(async tx => {
      runs += 1
      await tx('accounts').insert({ id: `acct_${runs}`, name: 'Harbor Books', created_at: 1 })
      const { rows } = await tx.raw<{ rows: { pid: number }[] }>('select pg_backend_pid() as pid')
      if (runs === 1) await ask(servers.first, `select pg_terminate_backend(${rows[0]?.pid})`)
      await tx('accounts').first()
    })
    assert.equal(runs, 2)
    assert.deepEqual(await database.read(tx => tx('accounts').pluck('id')), ['acct_2'])
  } finally {
    await database.close()
  }
})

test('failover: a commit whose response is lost is not retried, because it may have succeeded', {
  skip: !onPostgres,
}, async () => {
  await using servers = await twoServers()
  const database = connect({ kind: 'postgres', url: servers.proxy.url })
  try {
    let runs = 0
    const lost = database.transaction(async tx => {
      runs += 1
      await tx('accounts').insert({ id: `acct_${runs}`, name: 'Harbor Books', created_at: 1 })
      servers.proxy.loseAnswerTo('COMMIT')
    })
    await assert.rejects(lost, DatabaseAway)
    assert.equal(runs, 1)
    await eventually(async () => (await database.read(tx => tx('accounts').pluck('id'))).join() === 'acct_1')
  } finally {
    await database.close()
  }
})

test('failover: a standby is not read from, because it may lag behind', { skip: !onPostgres }, async () => {
  await using servers = await twoServers()
  await ask(
    servers.first,
    'create schema standby',
    "create function standby.pg_is_in_recovery() returns boolean language sql as 'select true'",
    `alter database ${new URL(servers.first).pathname.slice(1)} set search_path = standby, pg_catalog, public`,
  )
  const database = connect({ kind: 'postgres', url: servers.proxy.url })
  try {
    await assert.rejects(
      database.look(tx => tx('accounts')),
      { name: 'DatabaseAway', message: /standby/ },
    )
    servers.proxy.leadTo(servers.second)
    assert.deepEqual(await database.look(tx => tx('accounts')), [])
  } finally {
    await database.close()
  }
})

test('failover: a transaction on a server that stops responding fails with its statement, without waiting for ROLLBACK', {
  skip: !onPostgres,
}, async () => {
  await using servers = await twoServers()
  const database = connect({ kind: 'postgres', url: servers.proxy.url }, { patienceMs: 1_500 })
  try {
    let began = 0
    const silent = database.transaction(async tx => {
      await tx('accounts').first()
      servers.proxy.freeze(() => true)
      servers.proxy.leadTo(servers.second)
      began = performance.now()
      await tx('accounts').first()
    })
    await assert.rejects(silent, DatabaseAway)
    assert.ok(performance.now() - began < 2_500, 'a ROLLBACK would take as long again')
    await insert(database, 'acct_1')
  } finally {
    await database.close()
  }
})

test('failover: heartbeats detect a server that stops responding, and its idle connections are not used again', {
  skip: !onPostgres,
}, async () => {
  await using servers = await twoServers()
  const database = connect({ kind: 'postgres', url: servers.proxy.url })
  try {
    await database.changes.start()
    await fillPool(database)
    await eventually(() => database.changes.fresh()) // heartbeats are frequent from here on
    const found = Promise.withResolvers<void>()
    database.changes.listen(change => {
      if (change === 'anything') found.resolve()
    })
    servers.proxy.freeze(() => true)
    servers.proxy.leadTo(servers.second)
    await found.promise
    const began = performance.now()
    await insert(database, 'acct_1')
    assert.ok(performance.now() - began < 10_000, 'a silent connection is dropped after 20 s')
  } finally {
    await database.close()
  }
})

test('away: a full pool and a closed pool', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-away-'))
  const { url, drop } = await migratedDatabaseUrl(folder)
  const target: DatabaseTarget = onPostgres
    ? { kind: 'postgres', url }
    : { kind: 'sqlite', file: join(folder, 'latchkey.db') }
  const database = connect(target, { fullPoolMs: 500 })
  const release = Promise.withResolvers<void>()
  try {
    const occupied = Array.from({ length: onPostgres ? 10 : 1 }, () => database.transaction(() => release.promise))
    await assert.rejects(insert(database, 'acct_1'), DatabaseAway)
    release.resolve()
    await Promise.all(occupied)
    await insert(database, 'acct_1')
  } finally {
    release.resolve()
    await database.close()
    await drop()
    rmSync(folder, { recursive: true, force: true })
  }
  await assert.rejects(
    database.read(tx => tx('accounts')),
    DatabaseAway,
  )
})

test('away: a full SQLite file refuses writes with an error and accepts them again when there is room', {
  skip: onPostgres,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-full-'))
  const database = connect({ kind: 'sqlite', file: join(folder, 'latchkey.db') })
  try {
    await migrate(database)
    await database.knex.raw('pragma max_page_count = 1')
    const large = database.transaction(async tx => {
      await tx('accounts').insert({ id: 'acct_1', name: 'x'.repeat(100_000), created_at: 1 })
    })
    await assert.rejects(large, { name: 'DatabaseAway', message: /SQLITE_FULL/ })
    assert.deepEqual(await database.read(tx => tx('accounts')), [])
    await database.knex.raw('pragma max_page_count = 100000')
    await insert(database, 'acct_2')
    assert.deepEqual(await database.read(tx => tx('accounts').pluck('id')), ['acct_2'])
  } finally {
    await database.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('away: a commit that SQLite refuses leaves no transaction open', { skip: onPostgres }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-commit-'))
  const database = connect({ kind: 'sqlite', file: join(folder, 'latchkey.db') })
  try {
    await migrate(database)
    const refused = database.transaction(async tx => {
      await tx.raw('pragma defer_foreign_keys = on')
      await tx('key_usage_hours').insert({ key_id: 'key_none', hour: 0, calls: 1 })
    })
    await assert.rejects(refused, /FOREIGN KEY/)
    await insert(database, 'acct_1')
  } finally {
    await database.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('away: a SQLite connection that has become read-only is reopened', { skip: onPostgres }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-readonly-'))
  const database = connect({ kind: 'sqlite', file: join(folder, 'latchkey.db') })
  try {
    await migrate(database)
    await database.knex.raw('pragma query_only = on')
    await insert(database, 'acct_1')
    assert.equal((await database.read(tx => tx('accounts'))).length, 1)
  } finally {
    await database.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
