import type { Knex } from 'knex'

/** The activity log of each account: a chain of hashes, its head, the key that seals heads, and signed checkpoints. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('activity', table => {
    table.string('account_id').notNullable()
    table.integer('number').notNullable()
    table.bigInteger('at').notNullable()
    table.string('actor_type', 16).notNullable()
    table.string('actor_id').notNullable()
    table.string('what', 60).notNullable()
    table.string('object').notNullable()
    table.text('data').notNullable()
    table.text('personal') // this and its salt can be erased: the chain holds only the commitment
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
  for (const table of ['activity_checkpoints', 'activity_key', 'activity_heads', 'activity'])
    await knex.schema.dropTable(table)
}
