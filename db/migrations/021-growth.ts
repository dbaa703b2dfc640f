import type { Knex } from 'knex'

/**
 * What one customer can grow without limit is paged, counted and worked off in batches: indexes in the order of the pages,
 * what an uninstallation decided about keys that are not settled yet, and the work that goes on after its answer.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('installations', table => {
    table.string('settle_keys', 8) // expire, keep or until; null once every key is settled
    table.bigInteger('settle_until')
    table.index(['account_id', 'id'], 'installations_of_account')
    table.index(['app_id', 'id'], 'installations_of_app')
    table.index(['account_id', 'app_id', 'mode'], 'installations_unsettled', {
      predicate: knex.whereRaw('settle_keys is not null'),
    })
  })
  await knex.schema.alterTable('keys', table => {
    const working = (also = '') => ({ predicate: knex.whereRaw(`status <> 'expired'${also}`) })
    table.dropIndex(['installation_id'])
    table.index(['installation_id', 'id'], 'keys_of_installation')
    table.index(['installation_id', 'expires_at', 'freeze_until'], 'keys_working_of_installation', working())
    table.index(['account_id', 'created_at', 'id'], 'keys_working_of_account', working())
    table.index(['app_id', 'account_id', 'mode', 'id'], 'keys_kept', working(' and kept_at is not null'))
    table.index(['account_id', 'created_at', 'id'], 'keys_frozen', working(' and frozen_at is not null'))
    table.index(['replaces'], 'keys_by_replaced', { predicate: knex.whereRaw('replaces is not null') })
  })
  await knex.schema.alterTable('deliveries', table => {
    table.index(['app_id', 'id'], 'deliveries_failed', { predicate: knex.whereRaw("status = 'failed'") })
  })
  await knex.schema.createTable('batch_jobs', table => {
    table.string('id').primary()
    table.string('kind', 40).notNullable()
    table.string('subject').notNullable() // the installation or app that it is about
    table.text('data').notNullable() // JSON
    table.string('position').notNullable() // what was done last; empty at the beginning
    table.bigInteger('created_at').notNullable()
  })
  // Retirements that a process left unfinished used to be looked for in every app that was ever retired.
  const actor = JSON.stringify({ actor: { type: 'system', id: 'latchkey', ip: '' } })
  await knex.raw(
    `insert into batch_jobs (id, kind, subject, data, position, created_at)
     select 'job_' || substr(id, 5), 'end_app', id, ?, '', created_at from apps where status = 'retired'`,
    [actor],
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('batch_jobs')
  const added = [
    ...['deliveries_failed', 'keys_by_replaced', 'keys_frozen', 'keys_kept', 'keys_working_of_account'],
    ...['keys_working_of_installation', 'keys_of_installation'],
    ...['installations_unsettled', 'installations_of_app', 'installations_of_account'],
  ]
  for (const name of added) await knex.schema.raw(`drop index ${name}`)
  await knex.schema.alterTable('keys', table => table.index(['installation_id']))
  // Not with the schema builder: on SQLite it builds the whole table anew, which other tables point to.
  for (const column of ['settle_until', 'settle_keys'])
    await knex.schema.raw(`alter table installations drop column ${column}`)
}
