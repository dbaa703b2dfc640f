import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyAt } from '../installs/steps.ts'
import { createWorld } from '../support/world.ts'

/** The last step that stays. */
const STAYS = '016-roomy-rows'

test('migrations from 019 on go back and forth over rows that point to each other', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  await world.deliver()
  const { knex, pendingMigrations } = world.deps.database
  const done = async (): Promise<string[]> => await knex('knex_migrations').orderBy('id').pluck('name')
  const [installations, events] = [await knex('installations').count(), await knex('events').count()]
  while ((await done()).at(-1) !== STAYS) await knex.migrate.down()
  await knex.migrate.latest()
  assert.deepEqual(await pendingMigrations(), [])
  assert.deepEqual([await knex('installations').count(), await knex('events').count()], [installations, events])
  assert.equal((await world.verify(keyAt(app)))['valid'], true)
  await world.install(await world.person(), app)
  assert.equal(await world.deliver(), 2)
})
