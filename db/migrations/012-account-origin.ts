import type { Knex } from 'knex'

/** Accounts that a program has made, which may be without an owner, and accounts whose personal values were erased. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('accounts', table => {
    table.boolean('made_by_program').notNullable().defaultTo(false)
    table.bigInteger('erased_at').nullable()
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const column of ['made_by_program', 'erased_at']) // knex would make the table anew, which other tables refer to
    await knex.raw('alter table accounts drop column ??', [column])
}
