import type { Knex } from 'knex'

/** Platforms, their apps with every version of the manifest, and the verifiers of resource servers. */
export async function up(knex: Knex): Promise<void> {
  await createPlatforms(knex)
  await createApps(knex)
  await knex.schema.createTable('app_versions', table => {
    table.string('app_id').notNullable().references('id').inTable('apps')
    table.integer('number').notNullable()
    table.text('manifest').notNullable()
    table.bigInteger('created_at').notNullable()
    table.primary(['app_id', 'number'])
  })
  await knex.schema.createTable('app_categories', table => {
    table.string('app_id').notNullable().references('id').inTable('apps').index()
    table.string('category').notNullable()
    table.primary(['category', 'app_id'])
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

async function createPlatforms(knex: Knex): Promise<void> {
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
}

async function createApps(knex: Knex): Promise<void> {
  await knex.schema.createTable('apps', table => {
    table.string('id').primary()
    table.string('platform_id').notNullable().references('id').inTable('platforms')
    table.string('slug').notNullable().unique()
    table.string('status', 16).notNullable()
    table.integer('version').notNullable() // what new installations are asked for
    table.integer('latest_version').notNullable()
    table.string('reviewed', 8).notNullable().defaultTo('never') // never, current, changed
    table.text('search_text').notNullable().defaultTo('') // what the marketplace searches, in lower case
    table.text('client').notNullable() // RFC 7591 metadata without secrets
    table.text('client_secret') // encrypted
    table.string('registration_token') // SHA-256 of the registration access token in force (RFC 7592); ended: none
    table.text('webhook_secret').notNullable() // encrypted
    table.text('previous_webhook_secret') // encrypted; also signs until the time below
    table.bigInteger('previous_webhook_secret_until')
    table.string('gone_address', 2000) // it answered 410; deliveries to it wait
    table.text('jwks') // last seen content of jwks_uri
    table.bigInteger('jwks_at') // when it was read; null: never
    table.text('withdrawals') // JSON: permissions being taken from installations and keys; null: none
    table.binary('logo')
    table.string('logo_type', 40)
    table.bigInteger('created_at').notNullable()
    table.bigInteger('published_at')
    table.bigInteger('retired_at')
    table.index(['status', 'slug'])
    table.index(['platform_id', 'id'], 'apps_of_platform')
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['verifiers', 'app_categories', 'app_versions', 'apps', 'registration_tokens', 'platforms'])
    await knex.schema.dropTable(table)
}
