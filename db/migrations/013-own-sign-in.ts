import type { Knex } from 'knex'

/** Second factors, passkeys, links that are sent by mail, and what an account demands of its members. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('users', table => {
    table.bigInteger('signed_in_at').nullable() // the first time
  })
  await knex('users').update({ signed_in_at: knex.ref('created_at') })
  await knex.schema.alterTable('accounts', table => {
    table.boolean('requires_second_factor').notNullable().defaultTo(false)
  })
  await knex.schema.createTable('authenticators', table => {
    table.string('user_id').primary().references('id').inTable('users')
    table.text('secret').notNullable() // sealed
    table.bigInteger('created_at').notNullable()
    table.bigInteger('confirmed_at') // until the first code it asks for nothing
    table.bigInteger('last_step').notNullable() // no code of this time step or an earlier one is accepted (RFC 6238 §5.2)
  })
  await knex.schema.createTable('recovery_codes', table => {
    table.string('user_id').notNullable().references('id').inTable('users')
    table.string('code_hash', 64).notNullable()
    table.bigInteger('used_at')
    table.primary(['user_id', 'code_hash'])
  })
  await knex.schema.createTable('passkeys', table => {
    table.string('id', 1_400).primary() // credential id, base64url
    table.string('user_id').notNullable().references('id').inTable('users').index()
    table.string('name', 60).notNullable()
    table.text('public_key').notNullable() // COSE, base64url
    table.bigInteger('counter').notNullable()
    table.string('transports', 120).notNullable() // separated by commas
    table.bigInteger('created_at').notNullable()
    table.bigInteger('last_used_at')
  })
  await knex.schema.createTable('mail_links', table => {
    table.string('id').primary()
    table.string('kind', 16).notNullable() // reset or confirm
    table.string('user_id').notNullable().references('id').inTable('users')
    table.string('email', 254).notNullable() // the address that it was sent to
    table.bigInteger('created_at').notNullable()
    table.bigInteger('expires_at').notNullable().index()
    table.bigInteger('used_at')
    table.index(['user_id', 'kind', 'created_at'])
  })
  await knex.schema.createTable('used_challenges', table => {
    table.string('id', 64).primary() // a sign-in or a passkey ceremony that is over
    table.bigInteger('expires_at').notNullable().index()
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['used_challenges', 'mail_links', 'passkeys', 'recovery_codes', 'authenticators'])
    await knex.schema.dropTable(table)
  // As a statement of its own: on SQLite, knex would make the tables anew, to which others refer.
  await knex.raw('alter table accounts drop column requires_second_factor')
  await knex.raw('alter table users drop column signed_in_at')
}
