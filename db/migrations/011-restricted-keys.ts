import type { Knex } from 'knex'

/** Keys that members make for themselves, address allowlists, and freezing with an end. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('keys', table => {
    table.text('addresses') // JSON; absent: the key may be used from anywhere
    table.bigInteger('freeze_until') // a frozen key counts as expired from then on
    table.string('frozen_by', 16)
    table.string('created_by') // the member who made a restricted key
    table.string('form_hash', 64) // of the form that made it, so that a second press makes no second key
    table.unique(['account_id', 'form_hash'], { indexName: 'keys_one_per_form', useConstraint: false })
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.raw('drop index keys_one_per_form')
  // Not with the schema builder: on SQLite it builds the whole table anew, which other tables point to.
  for (const column of ['form_hash', 'created_by', 'frozen_by', 'freeze_until', 'addresses'])
    await knex.schema.raw(`alter table keys drop column ${column}`)
}
