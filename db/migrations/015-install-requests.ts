import type { Knex } from 'knex'

/** Requests of members who may not install. One that was answered is deleted; the activity log tells of it. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('install_requests', table => {
    table.string('id').primary()
    table.string('account_id').notNullable().references('id').inTable('accounts')
    table.string('app_id').notNullable().references('id').inTable('apps')
    table.string('mode', 8).notNullable()
    table.string('user_id').notNullable()
    table.string('note', 500).notNullable()
    table.bigInteger('created_at').notNullable()
    table.unique(['account_id', 'app_id', 'mode', 'user_id'])
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('install_requests')
}
