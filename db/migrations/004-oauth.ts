import type { Knex } from 'knex'

/** What the authorization server stores. Ids are hashes and payloads are encrypted, so a copy of these tables opens nothing. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('oauth_records', table => {
    table.string('model', 40).notNullable()
    table.string('id_hash', 64).notNullable()
    table.text('payload').notNullable()
    table.string('grant_hash', 64).index()
    table.string('uid_hash', 64).index()
    table.string('user_code_hash', 64).index()
    table.bigInteger('consumed_at')
    table.bigInteger('expires_at').index()
    table.primary(['model', 'id_hash'])
  })
  // By the root secret that encrypts a value: finds values under an older one.
  await knex.raw('create index oauth_records_by_root on oauth_records (substr(payload, 1, 8))')
  await knex.schema.createTable('oauth_grants', table => {
    table.string('grant_hash', 64).primary()
    table.string('installation_id').notNullable().index()
    table.string('interaction_hash', 64).notNullable().index()
    table.string('user_id').notNullable()
    table.bigInteger('created_at').notNullable()
  })
  await knex.schema.createTable('signing_keys', table => {
    table.string('kid', 64).primary()
    table.string('alg', 16).notNullable()
    table.text('public_jwk').notNullable()
    table.text('private_jwk').notNullable() // encrypted
    table.bigInteger('created_at').notNullable()
    table.bigInteger('retired_at')
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['signing_keys', 'oauth_grants', 'oauth_records']) await knex.schema.dropTable(table)
}
