import type { Knex } from 'knex'

/** Rows that refer to those before them; SQLite changes a column by making its table anew, which rows would forbid. */
const LOG = ['events', 'deliveries', 'delivery_attempts'] as const

/** A test delivery belongs to an app and to no installation; and a suspension that is not the account's says whose it is. */
export async function up(knex: Knex): Promise<void> {
  await setNullable(knex, true)
  await knex.schema.alterTable('deliveries', table => {
    table.index(['app_id'], 'deliveries_pings', {
      predicate: knex.whereRaw("status = 'pending' and installation_id is null"),
    })
  })
  await knex.schema.alterTable('installations', table => {
    table.string('suspended_by_operator_who', 12) // operator or platform, while that flag is set
  })
  await knex('installations').whereNotNull('suspended_by_operator_at').update({ suspended_by_operator_who: 'operator' })
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table ?? drop column ??', ['installations', 'suspended_by_operator_who']) // in place on SQLite too
  await knex.schema.alterTable('deliveries', table => table.dropIndex(['app_id'], 'deliveries_pings'))
  const pings = knex('events').whereNull('installation_id').select('id')
  const deliveries = knex('deliveries').whereIn('event_id', pings).select('id')
  await knex('delivery_attempts').whereIn('delivery_id', deliveries).delete()
  await knex('deliveries').whereIn('event_id', pings.clone()).delete()
  await knex('events').whereNull('installation_id').delete()
  await setNullable(knex, false)
}

async function setNullable(knex: Knex, nullable: boolean): Promise<void> {
  await withoutRows(knex, async () => {
    for (const name of ['events', 'deliveries']) {
      await knex.schema.alterTable(name, table => {
        for (const column of ['installation_id', 'sequence'])
          nullable ? table.setNullable(column) : table.dropNullable(column)
      })
    }
  })
}

/** Sets the log's rows aside while its tables change; PostgreSQL has no need of that. */
async function withoutRows(knex: Knex, change: () => Promise<void>): Promise<void> {
  if (knex.client.config.client === 'pg') return await change()
  for (const name of LOG) await knex.raw('create table ?? as select * from ??', [`${name}_aside`, name])
  for (const name of LOG.toReversed()) await knex(name).delete()
  await change()
  for (const name of LOG) {
    await knex.raw('insert into ?? select * from ??', [name, `${name}_aside`])
    await knex.schema.dropTable(`${name}_aside`)
  }
}
