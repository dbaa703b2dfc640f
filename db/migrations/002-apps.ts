import type { Knex } from 'knex'

/** Platforms, their apps with the versions of each manifest, and the resource servers' verifiers. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('platforms', table => {
    table.string('id').primary()
    table.string('account_id').notNullable().references('id').inTable('accounts').index()
    table.string('name', 120).notNullable()
    table.bigInteger('created_at').notNullable()
  })
  await knex.schema.createTable('registration_tokens', table => {
    table.string('token_hash').primary()
    table.string('platform_id').notNullable().references('id').inTable('platforms').index()
    table.string('redacted').notNullable()
    table.bigInteger('created_at').notNullable()
    table.bigInteger('revoked_at')
  })
  await knex.schema.createTable('apps', table => {
    table.string('id').primary()
    table.string('platform_id').notNullable().references('id').inTable('platforms').index()
    table.string('slug').notNullable().unique()
    table.string('status', 16).notNullable()
    table.integer('version').notNullable() // what new installations are asked for
    table.integer('latest_version').notNullable()
    table.text('client').notNullable() // RFC 7591 metadata without secrets
    table.text('client_secret') // encrypted
    table.text('webhook_secret').notNullable() // encrypted
    table.text('previous_webhook_secret') // encrypted; signs along until the time below
    table.bigInteger('previous_webhook_secret_until')
    table.string('gone_address', 2000) // answered 410; its deliveries wait
    table.text('jwks') // last seen content of jwks_uri
    table.binary('logo')
    table.string('logo_type', 40)
    table.bigInteger('created_at').notNullable()
    table.bigInteger('published_at')
    table.bigInteger('retired_at')
    table.index(['status', 'slug'])
  })
  await knex.schema.createTable('app_versions', table => {
    table.string('app_id').notNullable().references('id').inTable('apps')
    table.integer('number').notNullable()
    table.text('manifest').notNullable()
    table.bigInteger('created_at').notNullable()
    table.primary(['app_id', 'number'])
  })
  await knex.schema.createTable('verifiers', table => {
    table.string('id').primary()
    table.string('name', 120).notNullable()
    table.string('token_hash').notNullable().unique()
    table.string('redacted').notNullable()
    table.bigInteger('created_at').notNullable()
    table.bigInteger('revoked_at')
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['verifiers', 'app_versions', 'apps', 'registration_tokens', 'platforms']) {
    await knex.schema.dropTable(table)
  }
}
