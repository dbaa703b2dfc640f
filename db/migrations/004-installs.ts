import type { Knex } from 'knex'

/** Installations and keys. At most one installation per app, account and mode that is not uninstalled: an index says so. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('installations', table => {
    table.string('id').primary()
    table.string('app_id').notNullable().references('id').inTable('apps')
    table.string('account_id').notNullable().references('id').inTable('accounts')
    table.string('mode', 4).notNullable()
    table.string('status', 20).notNullable()
    table.integer('generation').notNullable()
    table.integer('version').notNullable() // of the manifest that was consented to
    table.text('permissions').notNullable()
    table.integer('sequence').notNullable() // of the latest event
    table.string('installed_by').notNullable()
    table.bigInteger('created_at').notNullable()
    table.bigInteger('activated_at')
    table.bigInteger('uninstalled_at')
    table.string('uninstall_reason', 40)
    table.bigInteger('suspended_by_account_at')
    table.bigInteger('suspended_by_operator_at')
    table.unique(['app_id', 'account_id', 'mode', 'generation'])
    table.index(['account_id', 'status'])
    table.unique(['app_id', 'account_id', 'mode'], {
      indexName: 'installations_one_alive',
      predicate: knex.whereRaw("status <> 'uninstalled'"),
    })
  })
  await knex.schema.createTable('keys', table => {
    table.string('id').primary()
    table.string('kind', 12).notNullable()
    table.string('account_id').notNullable().references('id').inTable('accounts')
    table.string('installation_id').references('id').inTable('installations').index()
    table.string('app_id').references('id').inTable('apps')
    table.string('mode', 4).notNullable()
    table.string('name', 80).notNullable()
    table.string('hash', 64).notNullable().unique()
    table.string('redacted', 32).notNullable()
    table.text('permissions').notNullable()
    table.string('status', 12).notNullable()
    table.bigInteger('expires_at') // the deadline
    table.bigInteger('expired_at')
    table.string('expired_because', 40)
    table.bigInteger('created_at').notNullable()
    table.bigInteger('delivered_at')
    table.bigInteger('kept_at') // outlived its installation
    table.string('ends_with').references('id').inTable('installations').index() // expires when that one is active
    table.string('replaces')
    table.bigInteger('overlap_until') // planned end of a key that is being replaced; it counts once the new key has arrived
    table.bigInteger('overlap_ms')
    table.string('note', 200)
    table.bigInteger('frozen_at')
    table.bigInteger('last_used_at')
    table.index(['account_id', 'created_at'])
    table.index(['app_id', 'account_id', 'mode'])
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('keys')
  await knex.schema.dropTable('installations')
}
