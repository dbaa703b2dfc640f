import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyAt } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'

/** The last step that creates the tables; each later one keeps the rows, forward and back. */
const TABLES = '010-operation'

async function applied({ deps }: World): Promise<string[]> {
  return await deps.database.knex('knex_migrations').orderBy('id').pluck('name')
}

test('migrations after the tables run back and forward over rows with references', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  await world.deliver()
  const { knex, pendingMigrations } = world.deps.database
  const [installations, events] = [await knex('installations').count(), await knex('events').count()]
  assert.ok((await applied(world)).includes(TABLES))
  while ((await applied(world)).at(-1) !== TABLES) await knex.migrate.down()
  await knex.migrate.latest()
  assert.deepEqual(await pendingMigrations(), [])
  assert.deepEqual([await knex('installations').count(), await knex('events').count()], [installations, events])
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
  await world.install(await world.person(), app)
  assert.equal(await world.deliver(), 2)
  for (let left = (await applied(world)).length; left > 0; left -= 1) await knex.migrate.down()
  assert.deepEqual(await applied(world), [])
  await knex.migrate.latest()
  assert.deepEqual(await pendingMigrations(), [])
  assert.deepEqual(await knex('installations'), [])
})
