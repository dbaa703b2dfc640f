/**
 * Inserts keys into a Latchkey's database by raw SQL before the server starts: thousands of accounts with one installation each
 * of one app, and keys spread evenly over them. Some keys are real (`benchKey`); the others are rows of the same shape whose
 * hash matches no known key. Secondary indexes are dropped first and rebuilt, as in any bulk load.
 */
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { hashSecret } from '../../server/base/secret-format.ts'
import { benchKey } from './bench-keys.ts'

export type Filling = {
  /** SQLite's file, or PostgreSQL's URL. */
  database: string
  appId: string
  keys: number
  /** How many of them are real; key number `n` of `benchKey` is in row `n * (keys / real)`. */
  real: number
  /** All keys in the account and installation of this person, instead of spread over many. */
  of?: { accountId: string; installationId: string } | undefined
}

const MOST_INSTALLATIONS = 10_000
const PERMISSIONS = '["charges:read","charges:write","customers:read"]'
const AT = 1_900_000_000_000
const KEY_COLUMNS =
  'id, kind, account_id, installation_id, app_id, mode, name, hash, redacted, permissions, status, created_at'

export async function fillKeys(filling: Filling): Promise<void> {
  if (filling.database.startsWith('postgres:')) await fillPostgres(filling)
  else fillSqlite(filling)
}

const padded = (index: number) => String(index).padStart(26, '0')

function fillSqlite({ database, appId, keys, real, of }: Filling): void {
  const db = new DatabaseSync(database, { enableForeignKeyConstraints: false })
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA temp_store = MEMORY')
  const indexes = db
    .prepare("select name, sql from sqlite_master where type = 'index' and tbl_name = 'keys' and sql is not null")
    .all() as { name: string; sql: string }[]
  if (keys > 100_000) for (const { name } of indexes) db.exec(`drop index ${name}`)
  db.exec('begin')
  const installations = Math.min(keys, MOST_INSTALLATIONS)
  if (!of) {
    const account = db.prepare('insert into accounts (id, name, created_at) values (?, ?, ?)')
    const installation = db.prepare(
      `insert into installations (id, app_id, account_id, mode, status, generation, version, permissions, sequence, installed_by, created_at)
       values (?, ?, ?, 'live', 'active', 1, 1, ?, 1, 'usr_bench', ?)`,
    )
    for (let index = 0; index < installations; index += 1) {
      account.run(`acct_${padded(index)}`, 'Harbor Books', AT)
      installation.run(`ins_${padded(index)}`, appId, `acct_${padded(index)}`, PERMISSIONS, AT)
    }
  }
  const stride = Math.floor(keys / real)
  const insert = (hash: string, from: string) =>
    `insert into keys (${KEY_COLUMNS}) select printf('key_%026d', n), 'managed', ${of ? `'${of.accountId}'` : `printf('acct_%026d', n % ${installations})`}, ${of ? `'${of.installationId}'` : `printf('ins_%026d', n % ${installations})`}, '${appId}', 'live', 'default', ${hash}, 'lkm_live_…wxyz', '${PERMISSIONS}', 'active', ${AT} + n from ${from}`
  db.exec(
    `with recursive series(n) as (select 0 union all select n + 1 from series where n < ${keys - 1})
     ${insert('substr(hex(randomblob(22)), 1, 43)', `series where not (n % ${stride} = 0 and n / ${stride} < ${real})`)}`,
  )
  const one = db.prepare(insert('?2', '(select ?1 as n)'))
  for (let index = 0; index < real; index += 1) one.run(index * stride, hashSecret(benchKey(index)))
  db.exec('commit')
  if (keys > 100_000) for (const { sql } of indexes) db.exec(sql)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

async function fillPostgres({ database, appId, keys, real, of }: Filling): Promise<void> {
  const db = new pg.Client({ connectionString: database })
  await db.connect()
  try {
    await db.query(
      "set session_replication_role = replica; set synchronous_commit = off; set maintenance_work_mem = '512MB'",
    )
    await db.query("alter system set max_wal_size = '16GB'")
    await db.query('select pg_reload_conf()')
    const { rows: indexes } = await db.query<{ name: string; create: string; unique: boolean }>(
      `select c.relname as name, coalesce('alter table keys add constraint ' || c.relname || ' ' || pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid)) as create, k.oid is not null as unique
       from pg_index i join pg_class c on c.oid = i.indexrelid left join pg_constraint k on k.conindid = i.indexrelid and k.contype = 'u'
       where i.indrelid = 'keys'::regclass and not i.indisprimary`,
    )
    const bulk = keys > 100_000
    if (bulk)
      for (const { name, unique } of indexes)
        await db.query(unique ? `alter table keys drop constraint ${name}` : `drop index ${name}`)
    const installations = Math.min(keys, MOST_INSTALLATIONS)
    if (!of) await fillInstallations(db, installations, appId)
    const home = (prefix: string) => `'${prefix}' || lpad((n % ${installations})::text, 26, '0')`
    const insert = (hash: string, from: string) =>
      `insert into keys (${KEY_COLUMNS}) select 'key_' || lpad(n::text, 26, '0'), 'managed', ${of ? `'${of.accountId}'` : home('acct_')}, ${of ? `'${of.installationId}'` : home('ins_')}, '${appId}', 'live', 'default', ${hash}, 'lkm_live_…wxyz', '${PERMISSIONS}', 'active', ${AT} + n from ${from}`
    const stride = Math.floor(keys / real)
    const filler = "rtrim(translate(encode(sha256(n::text::bytea), 'base64'), '+/', '-_'), '=')"
    const isReal = `n % ${stride} = 0 and n / ${stride} < ${real}`
    await db.query(insert(filler, `generate_series(0, ${keys - 1}) n where not (${isReal})`))
    for (let first = 0; first < real; first += 10_000) {
      const some = Array.from({ length: Math.min(10_000, real - first) }, (_, index) => first + index)
      await db.query(insert('hash', 'unnest($1::int[], $2::text[]) as given (n, hash)'), [
        some.map(index => index * stride),
        some.map(index => hashSecret(benchKey(index))),
      ])
    }
    if (bulk) for (const { create } of indexes) await db.query(create)
    await db.query('vacuum analyze keys')
    await db.query('checkpoint')
  } finally {
    await db.end()
  }
}

async function fillInstallations(db: pg.Client, installations: number, appId: string): Promise<void> {
  const series = `generate_series(0, ${installations - 1}) n`
  await db.query(
    `insert into accounts (id, name, created_at) select 'acct_' || lpad(n::text, 26, '0'), 'Harbor Books', ${AT} from ${series}`,
  )
  await db.query(
    `insert into installations (id, app_id, account_id, mode, status, generation, version, permissions, sequence, installed_by, created_at)
     select 'ins_' || lpad(n::text, 26, '0'), $1, 'acct_' || lpad(n::text, 26, '0'), 'live', 'active', 1, 1, $2, 1, 'usr_bench', ${AT} from ${series}`,
    [appId, PERMISSIONS],
  )
}
