import type { Knex } from 'knex'

/** Events, their way to the platform, and every attempt. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('events', table => {
    table.string('id').primary()
    table.string('type', 40).notNullable()
    table.string('app_id').notNullable().references('id').inTable('apps')
    table.string('installation_id').notNullable().references('id').inTable('installations')
    table.integer('sequence').notNullable()
    table.text('body').notNullable() // the exact bytes that every attempt sends
    table.bigInteger('created_at').notNullable()
    table.unique(['installation_id', 'sequence'])
    table.index(['app_id', 'id'])
  })
  await knex.schema.createTable('deliveries', table => {
    table.string('id').primary()
    table.string('event_id').notNullable().unique().references('id').inTable('events')
    table.string('app_id').notNullable()
    table.string('installation_id').notNullable()
    table.integer('sequence').notNullable()
    table.string('key_id').index()
    table.string('status', 12).notNullable()
    table.integer('attempts').notNullable()
    table.bigInteger('next_attempt_at').notNullable()
    table.string('lease', 40)
    table.bigInteger('lease_until')
    table.bigInteger('created_at').notNullable()
    table.bigInteger('settled_at')
    table.index(['installation_id', 'status', 'sequence'])
    table.index(['app_id', 'id'])
    table.index(['settled_at'])
    table.index(['next_attempt_at'], 'deliveries_due', { predicate: knex.whereRaw("status = 'pending'") })
  })
  await knex.schema.createTable('delivery_attempts', table => {
    table.string('delivery_id').notNullable().references('id').inTable('deliveries')
    table.integer('number').notNullable()
    table.bigInteger('at').notNullable()
    table.integer('status') // HTTP, absent if none came
    table.integer('ms').notNullable()
    table.string('error', 40)
    table.text('answer').notNullable()
    table.primary(['delivery_id', 'number'])
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['delivery_attempts', 'deliveries', 'events']) await knex.schema.dropTable(table)
}
