import type { Knex } from 'knex'

/** Keys of the admin API, and its responses to requests with an `Idempotency-Key`. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('admin_keys', table => {
    table.string('id').primary()
    table.string('name', 120).notNullable()
    table.string('token_hash', 64).notNullable().unique()
    table.string('redacted', 32).notNullable()
    table.text('scopes').notNullable() // JSON
    table.text('addresses') // JSON; null where every address is allowed
    table.bigInteger('created_at').notNullable()
    table.bigInteger('expires_at')
    table.bigInteger('revoked_at')
  })
  await knex.schema.createTable('admin_requests', table => {
    table.string('admin_key_id').notNullable().references('id').inTable('admin_keys')
    table.string('path', 200).notNullable()
    table.string('key_hash', 64).notNullable()
    table.string('body_hash', 64).notNullable()
    table.text('answer') // encrypted; null while the first request is in progress
    table.bigInteger('created_at').notNullable().index()
    table.primary(['admin_key_id', 'path', 'key_hash'])
  })
  // By the root secret that encrypts a value: finds what is still under an older one.
  await knex.raw('create index admin_requests_by_root on admin_requests (substr(answer, 1, 8))')
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('admin_requests')
  await knex.schema.dropTable('admin_keys')
}
