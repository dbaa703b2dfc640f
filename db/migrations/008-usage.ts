import type { Knex } from 'knex'
import { systemClock } from '../../server/base/clock.ts'

/** How keys are used: calls per hour, addresses and permissions. Written in batches, never for each verification. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('key_usage_hours', table => {
    table.string('key_id').notNullable().references('id').inTable('keys')
    table.bigInteger('hour').notNullable().index() // its beginning
    table.integer('calls').notNullable()
    table.primary(['key_id', 'hour'])
  })
  await knex.schema.createTable('key_usage_addresses', table => {
    table.string('key_id').notNullable().references('id').inTable('keys')
    table.string('address', 64).notNullable()
    table.bigInteger('seen_at').notNullable()
    table.primary(['key_id', 'address'])
  })
  await knex.schema.createTable('key_usage_permissions', table => {
    table.string('key_id').notNullable().references('id').inTable('keys')
    table.string('permission', 80).notNullable() // empty: the call did not name one
    table.bigInteger('used_at').notNullable()
    table.primary(['key_id', 'permission'])
  })
  // Since when a kind of use is recorded: before that, absence of a record says nothing.
  await knex.schema.createTable('usage_watches', table => {
    table.string('what', 40).primary()
    table.bigInteger('since').notNullable()
  })
  await knex('usage_watches').insert({ what: 'permissions', since: systemClock.now() })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['usage_watches', 'key_usage_permissions', 'key_usage_addresses', 'key_usage_hours'])
    await knex.schema.dropTable(table)
}
