import type { Knex } from 'knex'

/** Invitations to accounts. One that was accepted or revoked is deleted; the activity log tells of it. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('invitations', table => {
    table.string('id').primary()
    table.string('account_id').notNullable().references('id').inTable('accounts')
    table.string('email', 254).notNullable()
    table.string('email_key', 254).notNullable() // case-folded, as users have it
    table.string('role', 16).notNullable()
    table.string('token_hash').notNullable().unique()
    table.string('invited_by').nullable() // a user; none where a program invites
    table.bigInteger('created_at').notNullable()
    table.bigInteger('expires_at').notNullable().index()
    table.unique(['account_id', 'email_key'])
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('invitations')
}
