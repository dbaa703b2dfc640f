import type { Knex } from 'knex'

/** On SQLite processes tell each other here what changed; PostgreSQL has notifications for that. */
export async function up(knex: Knex): Promise<void> {
  if (knex.client.config.client === 'pg') return
  await knex.schema.createTable('changes', table => {
    table.increments('id') // never used twice
    table.string('origin', 16).notNullable()
    table.string('change').notNullable()
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTableIfExists('changes')
}
