import type { Knex } from 'knex'
import type { Installed, Person, PublishedApp, World } from '../../tests/support/world.ts'

/** One app in 20,000 accounts, one account with 20,000 installations and 40,000 keys, and a log of 200,000 deliveries. */
export type Filled = { app: PublishedApp; person: Person; installed: Installed; crowd: string }

const PLACES = 20_000
const LOG = 200_000
const PENDING = 30_000
const DAY = 86_400_000

type Row = Record<string, unknown>

export async function fillDatabase(world: World): Promise<Filled> {
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  await world.deliver()
  const copy = copier(world.deps.database.knex, world.clock.now())
  const id = copy.id
  const owner = world.deps.database.knex('platforms').where({ account_id: app.platform.person.accountId })
  const [{ id: platformId }] = (await owner.select('id')) as [{ id: string }]

  await copy('accounts', { id: person.accountId }, PLACES, { id: id('acct') })
  await fillApps(copy, app.id, platformId)
  await fillInstallations(copy, app.id, installed.id)
  await fillKeys(copy, { appId: app.id, installationId: installed.id, expiredAt: world.clock.now() - 100 * DAY })
  await fillLog(copy, installed.id)
  await copy('activity', { account_id: person.accountId, number: 1 }, 50_000, { number: 'i + 1000' })
  await copy('oauth_records', { model: 'Grant' }, PLACES, { id_hash: `'grant' || i` })
  await copy('oauth_grants', { installation_id: installed.id }, PLACES, {
    grant_hash: `'grant' || i`,
    interaction_hash: `'interaction' || i`,
    installation_id: id('ins'),
    created_at: '1',
  })
  await copy('oauth_records', { model: 'RefreshToken' }, PLACES, {
    id_hash: `'token' || i`,
    grant_hash: `case when i % 2 = 0 then 'grant' || i end`,
  })
  await fillMore(world, copy, person)
  return { app, person, installed, crowd: id('ins', 5).replaceAll("'", '') }
}

async function fillApps(copy: Copy, appId: string, platformId: string): Promise<void> {
  const { id } = copy
  await copy('apps', { id: appId }, 5_000, {
    id: id('app'),
    slug: `'app-' || i`,
    platform_id: `'${platformId}'`,
    status: `case i % 4 when 0 then 'draft' when 1 then 'retired' else 'published' end`,
  })
  await copy('app_versions', { app_id: appId }, 5_000, { app_id: id('app') })
}

/** The app in every account, and one installation of every app in the large account. */
async function fillInstallations(copy: Copy, appId: string, installationId: string): Promise<void> {
  const { id } = copy
  await copy('installations', { id: installationId }, PLACES, { id: id('ins'), account_id: id('acct') })
  await copy('installations', { id: installationId }, PLACES, {
    id: id('ins', 100_000),
    app_id: `case when i <= 5000 then ${id('app')} else '${appId}' end`,
    generation: 'i + 1',
    status: `case when i <= 5000 then 'active' else 'uninstalled' end`,
    uninstalled_at: 'case when i > 5000 then 1 end',
    uninstall_reason: `case when i > 5000 then 'account' end`,
  })
}

type Keys = { appId: string; installationId: string; expiredAt: number }

async function fillKeys(copy: Copy, { appId, installationId, expiredAt }: Keys): Promise<void> {
  const { id } = copy
  const key = { installation_id: installationId }
  const used = { hash: `'hash' || i || 'k'`, last_used_at: 'i' }
  await copy('keys', key, 20_000, { ...used, id: id('key') })
  await copy('keys', key, PLACES, {
    hash: `'other' || i`,
    id: id('key', 100_000),
    installation_id: id('ins', 100_000),
    app_id: `case when i <= 5000 then ${id('app')} else '${appId}' end`,
    status: `case when i % 3 = 0 then 'expired' else 'active' end`,
    expired_at: `case when i % 3 = 0 then ${expiredAt} end`,
  })
  await copy('keys', key, PLACES, {
    hash: `'elsewhere' || i`,
    id: id('key', 200_000),
    installation_id: id('ins'),
    account_id: id('acct'),
  })
}

/** One in three thousand deliveries belongs to the examined installation; failed ones are as rare. */
async function fillLog(copy: Copy, installationId: string): Promise<void> {
  const { id } = copy
  const whose = `case when i % 3000 = 0 then '${installationId}' else ${id('ins', 0, '(i % 20000) + 1')} end`
  const event = { installation_id: whose, sequence: '1000 + i', position: '1000 + i' }
  await copy('events', { sequence: 1 }, LOG, { ...event, id: id('evt') })
  const pending = `i > ${LOG - PENDING}`
  await copy('deliveries', { sequence: 1 }, LOG, {
    id: id('dlv'),
    event_id: id('evt'),
    installation_id: whose,
    sequence: '1000 + i',
    status: `case when ${pending} then 'pending' when i % 5000 = 1 then 'failed' else 'delivered' end`,
    settled_at: `case when ${pending} then null else created_at end`,
    next_attempt_at: `next_attempt_at + case when i % 2 = 0 then 3600000 else 0 end`,
  })
  await copy('delivery_attempts', { number: 1 }, LOG, { delivery_id: id('dlv') })
}

async function fillMore({ deps }: World, copy: Copy, person: Person): Promise<void> {
  const { knex } = deps.database
  const mail = { id: 'mail_0', recipient: 'a@example.com', template: 't', model: '{}', created_at: 1 }
  await knex('mails').insert({ ...mail, attempts: 0, next_attempt_at: deps.clock.now() + DAY })
  await copy('mails', { id: 'mail_0' }, 20_000, { id: copy.id('mail') })
  await copy('users', { id: person.userId }, 5_000, { id: copy.id('usr'), email_key: `'user' || i` })
  await copy('memberships', { user_id: person.userId }, 5_000, { user_id: copy.id('usr') })
  const head: Row = await knex('activity_heads').where({ account_id: person.accountId }).first()
  await knex('activity_heads').update(head).where({ account_id: person.accountId })
  const [{ id: keyId }] = (await knex('keys').where({ account_id: person.accountId }).limit(1)) as [{ id: string }]
  const at = deps.clock.now()
  await knex('key_usage_hours').insert({ key_id: keyId, hour: 1, calls: 1 })
  await copy('key_usage_hours', { key_id: keyId }, 20_000, { key_id: copy.id('key'), hour: String(at) })
  await knex('key_usage_addresses').insert({ key_id: keyId, address: '::1', seen_at: at })
  await copy('key_usage_addresses', { key_id: keyId }, 20_000, { key_id: copy.id('key') })
  await knex('key_usage_permissions').insert({ key_id: keyId, permission: 'charges:read', used_at: at })
  await copy('key_usage_permissions', { key_id: keyId }, 20_000, { key_id: copy.id('key') })
}

type Copy = ReturnType<typeof copier>

/** Copies one row; `changes` are expressions over `i`, which counts from 1, and the columns of that row. */
function copier(knex: Knex, _now: number) {
  const onPostgres = knex.client.config.client === 'pg'
  async function copy(table: string, like: Row, count: number, changes: Record<string, string>): Promise<void> {
    const row: Row | undefined = await knex(table).where(like).first()
    if (!row) throw new Error(`no row of ${table} to copy`)
    const columns = Object.keys(row)
    const numbers = onPostgres
      ? `generate_series(1, ${count}) as i`
      : `(with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count}) select i from n)`
    const values = columns.map(column => changes[column] ?? `"${column}"`)
    const names = columns.map(column => `"${column}"`).join(', ')
    const where = Object.keys(like).map(column => `"${column}" = ?`)
    await knex.raw(
      `insert into "${table}" (${names}) select ${values.join(', ')}
       from ${numbers}, (select * from "${table}" where ${where.join(' and ')} limit 1) as original`,
      Object.values(like) as Knex.RawBinding[],
    )
  }
  copy.id = (prefix: string, from = 0, number = 'i') => {
    const digits = onPostgres ? `lpad((${number} + ${from})::text, 26, '0')` : `printf('%026d', ${number} + ${from})`
    return `'${prefix}_' || ${digits}`
  }
  return copy
}
