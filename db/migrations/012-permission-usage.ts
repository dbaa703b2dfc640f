import type { Knex } from 'knex'
import { systemClock } from '../../server/base/clock.ts'

/** Which permissions keys used, and since when that is watched: nothing may be called unused for a time before. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('key_usage_permissions', table => {
    table.string('key_id').notNullable().references('id').inTable('keys')
    table.string('permission', 80).notNullable() // empty: a call that did not say what for
    table.bigInteger('used_at').notNullable()
    table.primary(['key_id', 'permission'])
  })
  await knex.schema.createTable('usage_watches', table => {
    table.string('what', 40).primary()
    table.bigInteger('since').notNullable()
  })
  await knex('usage_watches').insert({ what: 'permissions', since: systemClock.now() })
  await knex.schema.alterTable('key_usage_hours', table => {
    table.index(['hour'])
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('key_usage_hours', table => {
    table.dropIndex(['hour'])
  })
  await knex.schema.dropTable('usage_watches')
  await knex.schema.dropTable('key_usage_permissions')
}
