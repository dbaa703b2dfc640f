import type { Knex } from 'knex'

/** Each filter of the activity pages reads one range of one index, in the order of the page. */
const INDEXES: Record<string, string> = {
  activity_in_time: '(account_id, at, number)',
  activity_of_actor: '(account_id, actor_id, at, number)',
  activity_of_kind: '(account_id, what, at, number)',
  activity_of_object: '(account_id, object, at, number)',
  activity_of_app: '(account_id, app_id, at, number) where app_id is not null',
}

/** Which app an entry is about. It is beside the hash chain, which has the entry's object. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('activity', table => {
    table.string('app_id').nullable()
  })
  await knex.raw(`update activity set app_id = case substr(object, 1, 4)
    when 'app_' then object
    when 'ins_' then (select app_id from installations where installations.id = activity.object)
    when 'key_' then (select app_id from keys where keys.id = activity.object)
    when 'dlv_' then (select app_id from deliveries where deliveries.id = activity.object)
  end where substr(object, 1, 4) in ('app_', 'ins_', 'key_', 'dlv_')`)
  for (const [name, columns] of Object.entries(INDEXES)) await knex.raw(`create index ${name} on activity ${columns}`)
}

export async function down(knex: Knex): Promise<void> {
  for (const name of Object.keys(INDEXES)) await knex.raw(`drop index ${name}`)
  await knex.raw('alter table activity drop column app_id')
}
