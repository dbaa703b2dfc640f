import type { Knex } from 'knex'

/** Leak reports that were answered and not yet dealt with. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('leak_reports', table => {
    table.string('id', 40).primary()
    table.text('hashes').notNullable() // JSON: SHA-256 of each token that has the form of a key
    table.string('address', 64).notNullable()
    table.bigInteger('reported_at').notNullable().index()
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('leak_reports')
}
