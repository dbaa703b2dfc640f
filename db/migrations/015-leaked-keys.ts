import type { Knex } from 'knex'

/** Leaked keys that wait for their replacement are few, and are found at once. */
export async function up(knex: Knex): Promise<void> {
  const leaked = "status <> 'expired' and frozen_by = 'leak_report' and kind = 'managed' and kept_at is null"
  await knex.schema.alterTable('keys', table => {
    table.index(['frozen_at'], 'keys_by_leak', { predicate: knex.whereRaw(leaked) })
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.raw('drop index keys_by_leak')
}
