import type { Knex } from 'knex'

/** Answers to requests that carried an `Idempotency-Key`, so that a repetition gets the same one. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('idempotent_requests', table => {
    table.string('app_id').notNullable().references('id').inTable('apps')
    table.string('path', 200).notNullable()
    table.string('key_hash', 64).notNullable()
    table.string('body_hash', 64).notNullable()
    table.text('answer') // encrypted; absent while the first request is under way
    table.bigInteger('created_at').notNullable().index()
    table.primary(['app_id', 'path', 'key_hash'])
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('idempotent_requests')
}
