import type { Knex } from 'knex'

/** Keys, with an index for each page and each job that looks for few among many; reminders; and reports of leaked keys. */
export async function up(knex: Knex): Promise<void> {
  await createKeys(knex)
  await indexKeys(knex)
  await knex.schema.createTable('key_reminders', table => {
    table.string('key_id').notNullable().references('id').inTable('keys')
    table.bigInteger('deadline').notNullable()
    table.integer('days').notNullable() // before the deadline
    table.bigInteger('created_at').notNullable()
    table.primary(['key_id', 'deadline', 'days'])
  })
  await knex.schema.createTable('leak_reports', table => {
    table.string('id', 40).primary()
    table.text('hashes').notNullable() // JSON: SHA-256 of each token that has the form of a key
    table.string('address', 64).notNullable()
    table.bigInteger('reported_at').notNullable().index()
  })
}

async function createKeys(knex: Knex): Promise<void> {
  await knex.schema.createTable('keys', table => {
    table.string('id').primary()
    table.string('kind', 12).notNullable()
    table.string('account_id').notNullable().references('id').inTable('accounts')
    table.string('installation_id').references('id').inTable('installations')
    table.string('app_id').references('id').inTable('apps')
    table.string('mode', 4).notNullable()
    table.string('name', 80).notNullable()
    table.string('hash', 64).notNullable().unique()
    table.string('redacted', 32).notNullable()
    table.text('permissions').notNullable()
    table.text('addresses') // JSON; null: the key may be used from anywhere
    table.string('status', 12).notNullable()
    table.bigInteger('expires_at') // the deadline
    table.bigInteger('expired_at')
    table.string('expired_because', 40)
    table.bigInteger('created_at').notNullable()
    table.string('created_by') // the member who created a restricted key
    table.string('form_hash', 64) // of the form that created it: a form that is sent twice creates one key
    table.bigInteger('delivered_at')
    table.bigInteger('kept_at') // when it was kept beyond the end of its installation
    table.string('ends_with').references('id').inTable('installations').index() // expires when that one is active
    table.string('replaces')
    table.string('rotation', 8) // of a key that is being replaced: waiting, running, stuck
    table.bigInteger('overlap_until') // planned end of a key that is being replaced; counts once the new key has arrived
    table.bigInteger('overlap_ms')
    table.string('note', 200)
    table.bigInteger('frozen_at')
    table.bigInteger('freeze_until') // a frozen key expires then
    table.string('frozen_by', 16)
    table.bigInteger('last_used_at')
    table.index(['app_id', 'account_id', 'mode'])
  })
  // Each key is noted as delivered soon after its insert: PostgreSQL updates the row within its page where there is room.
  if (knex.client.config.client === 'pg') await knex.raw('alter table keys set (fillfactor = 70)')
}

async function indexKeys(knex: Knex): Promise<void> {
  const where = (text: string) => ({ predicate: knex.whereRaw(text) })
  const working = (also = '') => where(`status <> 'expired'${also}`)
  const leaked = " and frozen_by = 'leak_report' and kind = 'managed' and kept_at is null"
  const page = ['account_id', 'created_at', 'id']
  await knex.schema.alterTable('keys', table => {
    table.unique(['account_id', 'form_hash'], { indexName: 'keys_one_per_form', useConstraint: false })
    table.index(['replaces'], 'keys_by_replaced', where('replaces is not null'))
    table.index(['expires_at'], 'keys_by_deadline', working(' and expires_at is not null'))
    table.index(['freeze_until'], 'keys_by_freeze', working(' and freeze_until is not null'))
    table.index(['frozen_at'], 'keys_by_leak', working(leaked))
    table.index(['installation_id', 'id'], 'keys_of_installation')
    table.index(['installation_id', 'expires_at', 'freeze_until'], 'keys_working_of_installation', working())
    table.index(['app_id', 'account_id', 'mode', 'id'], 'keys_kept', working(' and kept_at is not null'))
    table.index(page, 'keys_working_of_account', working())
    table.index(page, 'keys_expiring_of_account', working(' and expires_at is not null'))
    table.index(page, 'keys_kept_of_account', working(' and kept_at is not null'))
    table.index(page, 'keys_frozen', working(' and frozen_at is not null'))
    table.index(['account_id', 'expired_at'], 'keys_expired_of_account', where("status = 'expired'"))
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['leak_reports', 'key_reminders', 'keys']) await knex.schema.dropTable(table)
}
