import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from '../../db/connect.ts'
import { freshDatabaseUrl, onPostgres } from '../support/database.ts'

const working = { kind: 'managed', status: 'expiring', expires_at: null, overlap_until: null, overlap_ms: null }
const plan = { overlap_until: 500, overlap_ms: 100 }
const ended = { kind: 'managed', status: 'expired', expired_at: 1 }

/** Keys as they stood before, with how far their rotation is and the deadline that they have after. */
const KEYS: [id: string, row: object, rotation: string | null, deadline: number | null][] = [
  ['alone', { ...working, status: 'active' }, null, null],
  ['waits', { ...working, ...plan }, 'waiting', null],
  ['waits-2', { ...working, status: 'active', replaces: 'waits' }, null, null],
  ['runs', { ...working, ...plan, expires_at: 500 }, 'running', 500],
  ['runs-2', { ...working, status: 'active', replaces: 'runs', delivered_at: 450 }, null, null],
  ['forgotten', { ...working, ...plan }, 'running', 700],
  ['forgotten-2', { ...ended, replaces: 'forgotten' }, null, null],
  ['forgotten-3', { ...working, status: 'active', replaces: 'forgotten-2', delivered_at: 700 }, null, null],
  ['stuck', working, 'stuck', null],
  ['given-up', { ...working, ...plan }, 'stuck', null],
  ['given-up-2', { ...ended, replaces: 'given-up' }, null, null],
  ['kept', { ...working, ...plan, kept_at: 1 }, null, null],
  ['kept-2', { ...ended, replaces: 'kept' }, null, null],
  ['dated', { ...working, expires_at: 900 }, null, 900],
  ['own', { ...working, kind: 'restricted', ...plan, expires_at: 500 }, 'running', 500],
]

test('020: what the overlap and the deadline said together is written out, and rotations that never ended do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-db-'))
  const { url, drop } = await freshDatabaseUrl(folder)
  const database = connect(onPostgres ? { kind: 'postgres', url } : { kind: 'sqlite', file: join(folder, 'a.db') })
  const { knex } = database
  try {
    while ((await database.pendingMigrations())[0] !== '020-rotations') await knex.migrate.up()
    await knex('accounts').insert({ id: 'x', name: 'x', created_at: 1 })
    for (const [id, row] of KEYS) {
      const common = { account_id: 'x', mode: 'live', name: 'x', redacted: 'x', permissions: '[]', created_at: 1 }
      await knex('keys').insert({ id, hash: id, ...common, ...row })
    }
    await knex.migrate.up()
    const rows = await knex('keys').select('id', 'rotation', 'expires_at', 'status')
    const after = new Map(rows.map(row => [row.id, row]))
    for (const [id, , rotation, deadline] of KEYS)
      assert.deepEqual([after.get(id).rotation, after.get(id).expires_at], [rotation, deadline], id)
    assert.equal(after.get('waits').status, 'active')
    await knex.migrate.down()
    assert.equal((await knex('keys').where({ id: 'waits' }).first()).status, 'expiring')
    await knex.migrate.up()
    assert.equal((await knex('keys').where({ id: 'stuck' }).first()).rotation, 'stuck')
  } finally {
    await database.close()
    await drop()
    rmSync(folder, { recursive: true, force: true })
  }
})
