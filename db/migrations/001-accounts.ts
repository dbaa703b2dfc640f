import type { Knex } from 'knex'

/** Accounts, users, memberships and sessions. Every column of a time, here and below, is in milliseconds since 1970. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('accounts', table => {
    table.string('id').primary()
    table.string('name', 120).notNullable()
    table.bigInteger('created_at').notNullable()
  })
  await knex.schema.createTable('users', table => {
    table.string('id').primary()
    table.string('email', 254).notNullable()
    table.string('email_key', 254).notNullable().unique() // case-folded: one address is one user
    table.text('password_hash').notNullable()
    table.boolean('operator').notNullable().defaultTo(false)
    table.bigInteger('created_at').notNullable()
  })
  await knex.schema.createTable('memberships', table => {
    table.string('account_id').notNullable().references('id').inTable('accounts')
    table.string('user_id').notNullable().references('id').inTable('users').index()
    table.string('role', 16).notNullable()
    table.bigInteger('created_at').notNullable()
    table.primary(['account_id', 'user_id'])
  })
  await knex.schema.createTable('sessions', table => {
    table.string('id').primary()
    table.string('token_hash').notNullable().unique()
    table.string('user_id').notNullable().references('id').inTable('users').index()
    table.string('account_id').notNullable().references('id').inTable('accounts')
    table.string('ip', 64).notNullable()
    table.string('user_agent', 300).notNullable()
    table.bigInteger('created_at').notNullable()
    table.bigInteger('seen_at').notNullable()
    table.bigInteger('expires_at').notNullable().index()
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['sessions', 'memberships', 'users', 'accounts']) await knex.schema.dropTable(table)
}
