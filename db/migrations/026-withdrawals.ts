import type { Knex } from 'knex'

/** Permissions that a manifest took away, until the rows of every installation and key say so. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('apps', table => {
    table.text('withdrawals') // JSON; null where nothing is under way
  })
}

export async function down(knex: Knex): Promise<void> {
  // Not with the schema builder: on SQLite it builds the whole table anew, which other tables point to.
  await knex.schema.raw('alter table apps drop column withdrawals')
}
