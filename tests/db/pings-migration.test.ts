import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from '../../db/connect.ts'
import { freshDatabaseUrl, onPostgres } from '../support/database.ts'

const LOG = ['events', 'deliveries', 'delivery_attempts']

test('009: the delivery log survives both ways; going back forgets the pings', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-db-'))
  const { url, drop } = await freshDatabaseUrl(folder)
  const database = connect(onPostgres ? { kind: 'postgres', url } : { kind: 'sqlite', file: join(folder, 'a.db') })
  const { knex } = database
  try {
    while ((await database.pendingMigrations())[0] !== '009-pings') await knex.migrate.up()
    const common = {
      id: 'x',
      app_id: 'x',
      account_id: 'x',
      platform_id: 'x',
      installation_id: 'x',
      created_at: 2 ** 45,
    }
    const of = (names: (keyof typeof common)[], more: object) => ({
      ...Object.fromEntries(names.map(name => [name, common[name]])),
      created_at: common.created_at,
      ...more,
    })
    await knex('accounts').insert(of(['id'], { name: 'x' }))
    await knex('platforms').insert(of(['id', 'account_id'], { name: 'x' }))
    const app = { slug: 'x', status: 'draft', version: 1, latest_version: 1, client: '{}', webhook_secret: '' }
    await knex('apps').insert(of(['id', 'platform_id'], app))
    const installation = { mode: 'live', status: 'active', generation: 1, version: 1, permissions: '[]', sequence: 1 }
    await knex('installations').insert(
      of(['id', 'app_id', 'account_id'], { ...installation, installed_by: 'x', suspended_by_operator_at: 1 }),
    )
    await knex('events').insert(of(['id', 'app_id', 'installation_id'], { type: 'x', sequence: 1, body: '{}' }))
    const pending = { status: 'pending', attempts: 1, next_attempt_at: 1 }
    await knex('deliveries').insert(of(['id', 'app_id', 'installation_id'], { event_id: 'x', sequence: 1, ...pending }))
    await knex('delivery_attempts').insert({ delivery_id: 'x', number: 1, at: 1, ms: 1, answer: '' })
    const rows = async () => await Promise.all(LOG.map(name => knex(name)))
    const before = await rows()

    await knex.migrate.up()
    assert.deepEqual(await rows(), before)
    assert.equal((await knex('installations').first()).suspended_by_operator_who, 'operator')
    await knex('events').insert({ id: 'p', type: 'ping', app_id: 'x', body: '{}', created_at: 1 })
    await knex('deliveries').insert({ id: 'p', event_id: 'p', app_id: 'x', ...pending, created_at: 1 })
    await knex('delivery_attempts').insert({ delivery_id: 'p', number: 1, at: 1, ms: 1, answer: '' })
    await assert.rejects(knex('events').where({ id: 'x' }).delete(), /foreign key/i)

    await knex.migrate.down()
    assert.deepEqual(await rows(), before)
    await assert.rejects(
      knex('events').insert({ id: 'p', type: 'ping', app_id: 'x', body: '{}', created_at: 1 }),
      /not.null/i,
    )
  } finally {
    await database.close()
    await drop()
    rmSync(folder, { recursive: true, force: true })
  }
})
