import type { Knex } from 'knex'

/** What the marketplace searches and filters by; it used to read the manifests of all published apps for each page. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw("alter table apps add column search_text text not null default ''") // in place on SQLite too
  await knex.schema.createTable('app_categories', table => {
    table.string('app_id').notNullable().references('id').inTable('apps').index()
    table.string('category').notNullable()
    table.primary(['category', 'app_id'])
  })
  for (let after = ''; ; ) {
    const rows = await pageOfApps(knex, after)
    const last = rows.at(-1)
    if (!last) return
    after = last.id
    for (const row of rows) await fill(knex, row)
  }
}

type Row = { id: string; publisher: string; manifest: string }

async function pageOfApps(knex: Knex, after: string): Promise<Row[]> {
  return await knex('apps')
    .join('platforms', 'platforms.id', 'apps.platform_id')
    .join('app_versions', join =>
      join.on('app_versions.app_id', 'apps.id').andOn('app_versions.number', 'apps.version'),
    )
    .where('apps.id', '>', after)
    .orderBy('apps.id')
    .limit(200)
    .select('apps.id', 'platforms.name as publisher', 'app_versions.manifest')
}

async function fill(knex: Knex, { id, publisher, manifest }: Row): Promise<void> {
  type Listed = { client_name: string; tagline?: string; categories?: string[] }
  const { client_name, tagline = '', categories = [] }: Listed = JSON.parse(manifest)
  const text = [client_name, tagline, publisher, ...categories].join('\n').toLowerCase()
  await knex('apps').where({ id }).update({ search_text: text })
  const names = [...new Set(categories)]
  if (names.length > 0) await knex('app_categories').insert(names.map(category => ({ app_id: id, category })))
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('app_categories')
  await knex.raw('alter table apps drop column search_text') // the builder would build the table anew, which others point to
}
