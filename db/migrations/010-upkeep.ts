import type { Knex } from 'knex'

/** What happens by itself: deadlines that pass, reminders before them, mails, and encryption anew under a new root secret. */
export async function up(knex: Knex): Promise<void> {
  const working = (column: string) => knex.whereRaw(`status <> 'expired' and ${column} is not null`)
  await knex.schema.alterTable('keys', table => {
    table.index(['expires_at'], 'keys_by_deadline', { predicate: working('expires_at') })
    table.index(['freeze_until'], 'keys_by_freeze', { predicate: working('freeze_until') })
  })
  await knex.schema.createTable('key_reminders', table => {
    table.string('key_id').notNullable().references('id').inTable('keys')
    table.bigInteger('deadline').notNullable()
    table.integer('days').notNullable() // before the deadline
    table.bigInteger('created_at').notNullable()
    table.primary(['key_id', 'deadline', 'days'])
  })
  await knex.schema.createTable('mails', table => {
    table.string('id').primary()
    table.string('recipient', 254).notNullable()
    table.string('template', 40).notNullable()
    table.text('model').notNullable() // JSON; holds no secret
    table.bigInteger('created_at').notNullable()
    table.integer('attempts').notNullable()
    table.bigInteger('next_attempt_at').notNullable()
    table.string('lease', 40)
    table.bigInteger('lease_until')
    table.bigInteger('failed_at').index() // given up; one that was sent is deleted
    table.string('error', 300)
    table.index(['next_attempt_at'], 'mails_due', { predicate: knex.whereRaw('failed_at is null') })
  })
  // By the root secret that a value is encrypted under, so that what is left under an old one is found at once.
  await knex.schema.raw('create index oauth_records_by_root on oauth_records (substr(payload, 1, 8))')
  await knex.schema.raw('create index idempotent_requests_by_root on idempotent_requests (substr(answer, 1, 8))')
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.raw('drop index idempotent_requests_by_root')
  await knex.schema.raw('drop index oauth_records_by_root')
  await knex.schema.dropTable('mails')
  await knex.schema.dropTable('key_reminders')
  await knex.schema.raw('drop index keys_by_freeze')
  await knex.schema.raw('drop index keys_by_deadline')
}
