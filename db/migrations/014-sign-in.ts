import type { Knex } from 'knex'

/** Who a person is at an OpenID provider, and one-time links that sign a person in. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('identities', table => {
    table.string('issuer', 500).notNullable()
    table.string('subject', 255).notNullable()
    table.string('user_id').notNullable().references('id').inTable('users').index()
    table.bigInteger('created_at').notNullable()
    table.primary(['issuer', 'subject'])
  })
  await knex.schema.createTable('sign_in_links', table => {
    table.string('token_hash').primary()
    table.string('user_id').notNullable().references('id').inTable('users').index()
    table.string('account_id').notNullable().references('id').inTable('accounts').index()
    table.text('return_to').nullable()
    table.string('state_hash').nullable()
    table.bigInteger('authenticated_at').notNullable()
    table.bigInteger('expires_at').notNullable().index()
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('sign_in_links')
  await knex.schema.dropTable('identities')
}
