import type { Knex } from 'knex'

/** What keys did: calls per hour and the addresses they came from. Written in batches, never per verification. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('key_usage_hours', table => {
    table.string('key_id').notNullable().references('id').inTable('keys')
    table.bigInteger('hour').notNullable() // its beginning
    table.integer('calls').notNullable()
    table.primary(['key_id', 'hour'])
  })
  await knex.schema.createTable('key_usage_addresses', table => {
    table.string('key_id').notNullable().references('id').inTable('keys')
    table.string('address', 64).notNullable()
    table.bigInteger('seen_at').notNullable()
    table.primary(['key_id', 'address'])
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('key_usage_addresses')
  await knex.schema.dropTable('key_usage_hours')
}
