import type { Knex } from 'knex'

/**
 * A redelivery stands outside the order of its installation. What is pending is found app by app, in the order in which
 * it is due, without a look at what else waits.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('deliveries', table => {
    table.boolean('redelivery').notNullable().defaultTo(false)
    table.dropIndex(['next_attempt_at'], 'deliveries_due')
    table.index(['app_id', 'next_attempt_at', 'id'], 'deliveries_in_turn', {
      predicate: knex.whereRaw("status = 'pending'"),
    })
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('deliveries', table => {
    table.dropIndex(['app_id', 'next_attempt_at', 'id'], 'deliveries_in_turn')
    table.index(['next_attempt_at'], 'deliveries_due', { predicate: knex.whereRaw("status = 'pending'") })
  })
  await knex.raw('alter table deliveries drop column redelivery') // the builder would copy the whole table on SQLite
}
