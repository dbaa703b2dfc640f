import type { Knex } from 'knex'

/** What callers have spent of their limits, counted by all processes together. Ids are hashes: nobody is named here. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('rate_limits', table => {
    table.string('id', 64).primary()
    table.bigInteger('spent').notNullable()
    table.bigInteger('ends_at').notNullable().index()
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('rate_limits')
}
