import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sweep } from '../../server/sweep.ts'
import { rowsOf } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

const HOUR = 3_600_000

test('mailed links are deleted a day after they expired, records of sign-in steps at their end', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { knex } = world.deps.database
  const at = world.clock.now()
  const link = { kind: 'reset', user_id: person.userId, email: person.email, created_at: at, expires_at: at + HOUR }
  await knex('mail_links').where({ user_id: person.userId }).delete()
  await knex('mail_links').insert([
    { ...link, id: 'early' },
    { ...link, id: 'late', expires_at: at + 3 * HOUR },
  ])
  await knex('used_challenges').insert([
    { id: 'early', expires_at: at + HOUR },
    { id: 'late', expires_at: at + 27 * HOUR },
  ])
  world.clock.advance(26 * HOUR)
  const { mail_links, used_challenges } = await sweep(world.deps)
  assert.deepEqual([mail_links, used_challenges], [1, 1])
  const left = async (table: string) => (await rowsOf(world, table)).map(({ id }) => id)
  assert.deepEqual([await left('mail_links'), await left('used_challenges')], [['late'], ['late']])
})
