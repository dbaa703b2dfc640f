import type { Knex } from 'knex'

/** Accounts, people, their sign-ins, and the activity log. Times are milliseconds since 1970 everywhere. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('accounts', table => {
    table.string('id').primary()
    table.string('name', 120).notNullable()
    table.bigInteger('created_at').notNullable()
  })
  await knex.schema.createTable('users', table => {
    table.string('id').primary()
    table.string('email', 254).notNullable()
    table.string('email_key', 254).notNullable().unique() // folded, so that one address is one person
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
  await knex.schema.createTable('activity', table => {
    table.string('account_id').notNullable()
    table.integer('number').notNullable()
    table.bigInteger('at').notNullable()
    table.string('actor_type', 16).notNullable()
    table.string('actor_id').notNullable()
    table.string('what', 60).notNullable()
    table.string('object').notNullable()
    table.text('data').notNullable()
    table.text('personal') // these two can be erased; the chain holds the commitment only
    table.string('personal_salt', 32)
    table.string('commitment', 64).notNullable()
    table.string('hash', 64).notNullable()
    table.primary(['account_id', 'number'])
  })
  await knex.schema.createTable('activity_heads', table => {
    table.string('account_id').primary()
    table.integer('number').notNullable()
    table.string('hash', 64).notNullable()
    table.string('seal', 64).notNullable()
  })
  await knex.schema.createTable('activity_key', table => {
    table.string('id', 16).primary()
    table.text('sealed').notNullable()
  })
  await knex.schema.createTable('activity_checkpoints', table => {
    table.string('account_id').notNullable()
    table.integer('number').notNullable()
    table.bigInteger('at').notNullable().index()
    table.text('jws').notNullable()
    table.primary(['account_id', 'number'])
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of [
    'activity_checkpoints',
    'activity_key',
    'activity_heads',
    'activity',
    'sessions',
    'memberships',
    'users',
    'accounts',
  ]) {
    await knex.schema.dropTable(table)
  }
}
