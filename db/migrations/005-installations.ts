import type { Knex } from 'knex'

/** Installations: at most one for each app, account and mode that is not uninstalled, which a unique index holds. */
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
    table.string('suspended_by_operator_who', 12) // operator or platform, while the time above is set
    table.string('settle_keys', 8) // expire, keep or until; null once every key is settled
    table.bigInteger('settle_until')
  })
  await knex.schema.alterTable('installations', table => {
    const where = (text: string) => ({ predicate: knex.whereRaw(text) })
    const alive = where("status <> 'uninstalled'")
    table.unique(['app_id', 'account_id', 'mode', 'generation'])
    table.unique(['app_id', 'account_id', 'mode'], { indexName: 'installations_one_alive', ...alive })
    table.index(['account_id', 'status'])
    table.index(['account_id', 'id'], 'installations_of_account')
    table.index(['app_id', 'id'], 'installations_of_app')
    table.index(['account_id', 'id'], 'installations_alive_of_account', alive)
    table.index(['app_id', 'id', 'mode'], 'installations_alive_of_app', alive)
    table.index(['account_id', 'app_id', 'mode'], 'installations_unsettled', where('settle_keys is not null'))
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('installations')
}
