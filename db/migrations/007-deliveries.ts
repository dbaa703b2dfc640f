import type { Knex } from 'knex'

/** Events, their deliveries to the platform, and every attempt. A test delivery has an app and no installation. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('events', table => {
    table.string('id').primary()
    table.string('type', 40).notNullable()
    table.string('app_id').notNullable().references('id').inTable('apps')
    table.string('installation_id').references('id').inTable('installations')
    table.integer('sequence')
    table.bigInteger('position') // in the app's feed, given after the commit; null until then (docs/cursors.md)
    table.text('body').notNullable() // the exact bytes that every attempt sends
    table.bigInteger('created_at').notNullable()
    table.unique(['installation_id', 'sequence'])
    table.index(['app_id', 'id'])
    table.index(['app_id', 'position', 'id'], 'events_in_order')
  })
  await createDeliveries(knex)
  await knex.schema.createTable('delivery_attempts', table => {
    table.string('delivery_id').notNullable().references('id').inTable('deliveries')
    table.integer('number').notNullable()
    table.bigInteger('at').notNullable()
    table.integer('status') // HTTP status; null: no response
    table.integer('ms').notNullable()
    table.string('error', 40)
    table.text('answer').notNullable()
    table.primary(['delivery_id', 'number'])
  })
}

async function createDeliveries(knex: Knex): Promise<void> {
  const where = (text: string) => ({ predicate: knex.whereRaw(text) })
  await knex.schema.createTable('deliveries', table => {
    table.string('id').primary()
    table.string('event_id').notNullable().unique().references('id').inTable('events')
    table.string('app_id').notNullable()
    table.string('installation_id')
    table.integer('sequence')
    table.string('key_id')
    table.string('status', 12).notNullable()
    table.boolean('redelivery').notNullable().defaultTo(false) // outside the order of its installation
    table.boolean('slow').notNullable().defaultTo(false) // the last attempt took long: leased apart from the others
    table.integer('attempts').notNullable()
    table.bigInteger('next_attempt_at').notNullable()
    table.string('lease', 40)
    table.bigInteger('lease_until')
    table.bigInteger('created_at').notNullable()
    table.bigInteger('settled_at')
    table.index(['installation_id', 'status', 'sequence'])
    table.index(['app_id', 'id'])
    table.index(['app_id', 'id'], 'deliveries_failed', where("status = 'failed'"))
    table.index(['key_id'], 'deliveries_of_key', where('key_id is not null'))
    table.index(['settled_at'], 'deliveries_ended', where('settled_at is not null'))
    table.index(['app_id', 'slow', 'next_attempt_at', 'id'], 'deliveries_in_turn', where("status = 'pending'"))
    table.index(['app_id'], 'deliveries_pings', where("status = 'pending' and installation_id is null"))
  })
  // Each delivery is leased soon after its insert: PostgreSQL updates the row within its page where there is room.
  if (knex.client.config.client === 'pg') await knex.raw('alter table deliveries set (fillfactor = 70)')
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['delivery_attempts', 'deliveries', 'events']) await knex.schema.dropTable(table)
}
