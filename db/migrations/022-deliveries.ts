import type { Knex } from 'knex'

const PENDING = "status = 'pending'"

/**
 * The place of an event in its app's feed, given after its commit; null until then. Ids cannot serve: they are drawn before
 * the commit, by clocks that may differ (docs/cursors.md). Deliveries whose last attempt took long stand apart from the
 * others of their app. And the moments at which a clock was set are noted, so that of several processes one moves the waits.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table events add column position bigint') // in place on SQLite too
  await knex.raw(`update events set position = numbered.position
    from (select id, row_number() over (partition by app_id order by id) as position from events) as numbered
    where numbered.id = events.id`)
  await knex.schema.alterTable('events', table => table.index(['app_id', 'position', 'id'], 'events_in_order'))
  await knex.schema.alterTable('deliveries', table => {
    table.boolean('slow').notNullable().defaultTo(false)
    table.dropIndex(['app_id', 'next_attempt_at', 'id'], 'deliveries_in_turn')
    table.index(['app_id', 'slow', 'next_attempt_at', 'id'], 'deliveries_in_turn', {
      predicate: knex.whereRaw(PENDING),
    })
  })
  await knex.schema.createTable('clock_steps', table => {
    table.bigInteger('at').notNullable()
    table.bigInteger('by').notNullable() // milliseconds, negative where it was set back
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('clock_steps')
  await knex.schema.alterTable('deliveries', table => {
    table.dropIndex(['app_id', 'slow', 'next_attempt_at', 'id'], 'deliveries_in_turn')
    table.index(['app_id', 'next_attempt_at', 'id'], 'deliveries_in_turn', { predicate: knex.whereRaw(PENDING) })
  })
  await knex.raw('alter table deliveries drop column slow') // the builder would copy the whole table on SQLite
  await knex.schema.alterTable('events', table => table.dropIndex(['app_id', 'position', 'id'], 'events_in_order'))
  await knex.raw('alter table events drop column position')
}
