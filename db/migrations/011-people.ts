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
  // on SQLite the schema builder copies the whole table, which other rows point to
  await knex.raw('alter table sessions drop column authenticated_at')
  await knex.schema.alterTable('users', table => table.dropUnique(['external_id']))
  for (const column of ['external_id', 'name', 'email_confirmed_at']) {
    await knex.raw('alter table users drop column ??', [column])
  }
  await knex.schema.alterTable('accounts', table => table.dropUnique(['external_id']))
  await knex.raw('alter table accounts drop column external_id')
}
