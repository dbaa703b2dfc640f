import type { Knex } from 'knex'

/**
 * The place of an event in its app's feed, given after its commit; null until then. Ids cannot serve: they are drawn before
 * the commit, by clocks that may differ (docs/cursors.md).
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table events add column position bigint') // in place on SQLite too
  await knex.raw(`update events set position = numbered.position
    from (select id, row_number() over (partition by app_id order by id) as position from events) as numbered
    where numbered.id = events.id`)
  await knex.schema.alterTable('events', table => table.index(['app_id', 'position', 'id'], 'events_in_order'))
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('events', table => table.dropIndex(['app_id', 'position', 'id'], 'events_in_order'))
  await knex.raw('alter table events drop column position')
}
