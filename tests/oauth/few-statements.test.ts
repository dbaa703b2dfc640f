import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onPostgres } from '../support/database.ts'
import { createWorld } from '../support/world.ts'

test('a whole install needs few statements, and a page one for the session of its reader', async () => {
  await using world = await createWorld({ worker: false })
  const [first, person, app] = [await world.person(), await world.person(), await world.app()]
  await world.install(first, app)
  let statements: string[] = []
  // On SQLite this is the writing connection; on PostgreSQL one pool reads and writes.
  world.deps.database.knex.on('query', ({ sql }: { sql: string }) => statements.push(sql))

  await world.install(person, app)
  const written = statements
  assert.ok(written.length <= (onPostgres ? 108 : 78), `${written.length}:\n${written.join('\n')}`)

  statements = []
  await person.browser.get('/marketplace')
  if (onPostgres) assert.deepEqual(statements.filter(sql => /"(?:users|memberships)"/.test(sql)).length, 1)
})
