import type { Knex } from 'knex'

/**
 * People and accounts that an operator's own system knows, and when a person last proved who they are. A user without a
 * password has an empty `password_hash`, which no password matches.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('accounts', table => {
    table.string('external_id', 255).nullable().unique()
  })
  await knex.schema.alterTable('users', table => {
    table.string('external_id', 255).nullable().unique()
    table.string('name', 120).nullable()
    table.bigInteger('email_confirmed_at').nullable()
  })
  await knex.schema.alterTable('sessions', table => {
    table.bigInteger('authenticated_at').notNullable().defaultTo(0)
  })
  await knex('sessions').update({ authenticated_at: knex.ref('created_at') })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('sessions', table => table.dropColumn('authenticated_at'))
  await knex.schema.alterTable('users', table => {
    table.dropUnique(['external_id'])
    table.dropColumns('external_id', 'name', 'email_confirmed_at')
  })
  await knex.schema.alterTable('accounts', table => {
    table.dropUnique(['external_id'])
    table.dropColumn('external_id')
  })
}
