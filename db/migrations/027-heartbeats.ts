import type { Knex } from 'knex'

/** Signs of life of workers, and what processes write to learn whether a write works. Rows of minutes, never kept. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('heartbeats', table => {
    table.string('id', 64).primary()
    table.string('kind', 16).notNullable() // 'worker' or 'probe'
    table.bigInteger('at').notNullable()
    table.text('ill').nullable() // of a worker: names of its loops that stand still, separated by commas
    table.text('ballast').nullable() // of a probe
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('heartbeats')
}
