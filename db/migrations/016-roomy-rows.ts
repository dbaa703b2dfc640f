import type { Knex } from 'knex'

/**
 * Each delivery is leased, and each key is noted as delivered, moments after it was written: on PostgreSQL that takes place
 * within the row's page, without a touch of its indexes, where there is room. And no index holds what is never looked up.
 */
export async function up(knex: Knex): Promise<void> {
  await setFill(knex, 'set (fillfactor = 70)')
  await knex.schema.alterTable('deliveries', table => {
    table.dropIndex(['key_id'])
    table.dropIndex(['settled_at'])
    table.index(['key_id'], 'deliveries_of_key', { predicate: knex.whereRaw('key_id is not null') })
    table.index(['settled_at'], 'deliveries_ended', { predicate: knex.whereRaw('settled_at is not null') })
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('deliveries', table => {
    table.dropIndex(['key_id'], 'deliveries_of_key')
    table.dropIndex(['settled_at'], 'deliveries_ended')
    table.index(['key_id'])
    table.index(['settled_at'])
  })
  await setFill(knex, 'reset (fillfactor)')
}

async function setFill(knex: Knex, change: string): Promise<void> {
  if (knex.client.config.client !== 'pg') return
  for (const table of ['deliveries', 'keys']) await knex.raw(`alter table ?? ${change}`, [table])
}
