import type { Knex } from 'knex'

/** What processes do by themselves and tell each other: mails, batch jobs, heartbeats, clock steps and changes. */
export async function up(knex: Knex): Promise<void> {
  await createMails(knex)
  await knex.schema.createTable('batch_jobs', table => {
    table.string('id').primary()
    table.string('kind', 40).notNullable()
    table.string('subject').notNullable() // id of the installation or app that it is about
    table.text('data').notNullable() // JSON
    table.string('position').notNullable() // the last id that was done; empty at the beginning
    table.bigInteger('created_at').notNullable()
  })
  await knex.schema.createTable('heartbeats', table => {
    table.string('id', 64).primary()
    table.string('kind', 16).notNullable() // worker, or probe: what a process writes to learn whether a write works
    table.bigInteger('at').notNullable()
    table.text('ill') // of a worker: names of its stuck loops, separated by commas
    table.text('ballast') // of a probe
  })
  // Noted by the process that found the clock set, so that only one of them moves the retries.
  await knex.schema.createTable('clock_steps', table => {
    table.bigInteger('at').notNullable()
    table.bigInteger('by').notNullable() // milliseconds, negative where the clock was set back
  })
  if (knex.client.config.client === 'pg') return // PostgreSQL has notifications for changes
  await knex.schema.createTable('changes', table => {
    table.increments('id') // never used twice
    table.string('origin', 16).notNullable()
    table.string('change').notNullable()
  })
}

async function createMails(knex: Knex): Promise<void> {
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
    table.bigInteger('failed_at').index() // when it was given up; a mail that was sent is deleted
    table.string('error', 300)
    table.index(['next_attempt_at'], 'mails_due', { predicate: knex.whereRaw('failed_at is null') })
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTableIfExists('changes')
  for (const table of ['clock_steps', 'heartbeats', 'batch_jobs', 'mails']) await knex.schema.dropTable(table)
}
