import type { Knex } from 'knex'

/** What of an app was reviewed, which registration access token counts, and when its `jwks_uri` was last read. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('apps', table => {
    table.string('reviewed', 8).notNullable().defaultTo('never') // never, current, changed
    table.string('registration_token') // SHA-256; null: whatever was issued before this column; ended: none
    table.bigInteger('jwks_at') // null: not since this column exists
  })
  // Published in the moment of its registration: nobody has reviewed it.
  const reviewed = knex('apps').whereNotNull('published_at').where('published_at', '>', knex.ref('created_at'))
  await reviewed.clone().update({ reviewed: 'current' })
  const later = knex('app_versions')
    .where('app_versions.app_id', knex.ref('apps.id'))
    .where('app_versions.created_at', '>', knex.ref('apps.published_at'))
  await reviewed.clone().whereExists(later).update({ reviewed: 'changed' })
}

export async function down(knex: Knex): Promise<void> {
  // Not with the schema builder: on SQLite it builds the whole table anew, which other tables point to.
  for (const column of ['jwks_at', 'registration_token', 'reviewed'])
    await knex.raw('alter table apps drop column ??', [column])
}
