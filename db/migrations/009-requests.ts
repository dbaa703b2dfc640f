import type { Knex } from 'knex'

/** Responses to requests with an `Idempotency-Key`, and what callers have spent of their rate limits. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('idempotent_requests', table => {
    table.string('app_id').notNullable().references('id').inTable('apps')
    table.string('path', 200).notNullable()
    table.string('key_hash', 64).notNullable()
    table.string('body_hash', 64).notNullable()
    table.text('answer') // encrypted; null while the first request is in progress
    table.bigInteger('created_at').notNullable().index()
    table.primary(['app_id', 'path', 'key_hash'])
  })
  // By the root secret that encrypts a value: finds values under an older one.
  await knex.raw('create index idempotent_requests_by_root on idempotent_requests (substr(answer, 1, 8))')
  await knex.schema.createTable('rate_limits', table => {
    table.string('id', 64).primary() // a hash that identifies nobody
    table.bigInteger('spent').notNullable() // counted by all processes together
    table.bigInteger('ends_at').notNullable().index()
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('rate_limits')
  await knex.schema.dropTable('idempotent_requests')
}
