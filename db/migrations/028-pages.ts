import type { Knex } from 'knex'

/** Pages of what is rare among an account's keys and installations, each by an index of its own in the order of the page. */
export async function up(knex: Knex): Promise<void> {
  const where = (text: string) => ({ predicate: knex.whereRaw(text) })
  const alive = where("status <> 'uninstalled'")
  await knex.schema.alterTable('installations', table => {
    table.index(['account_id', 'id'], 'installations_alive_of_account', alive)
    table.index(['app_id', 'id', 'mode'], 'installations_alive_of_app', alive)
  })
  await knex.schema.alterTable('keys', table => {
    const page = ['account_id', 'created_at', 'id']
    table.dropIndex(['account_id', 'created_at']) // those that work have one, and of the others only the latest are looked for
    table.index(['account_id', 'expired_at'], 'keys_expired_of_account', where("status = 'expired'"))
    table.index(page, 'keys_expiring_of_account', where("status <> 'expired' and expires_at is not null"))
    table.index(page, 'keys_kept_of_account', where("status <> 'expired' and kept_at is not null"))
  })
  await knex.schema.alterTable('apps', table => {
    table.dropIndex(['platform_id'])
    table.index(['platform_id', 'id'], 'apps_of_platform')
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('apps', table => {
    table.dropIndex(['platform_id', 'id'], 'apps_of_platform')
    table.index(['platform_id'])
  })
  const kinds = ['keys_kept_of_account', 'keys_expiring_of_account', 'keys_expired_of_account']
  for (const name of [...kinds, 'installations_alive_of_app', 'installations_alive_of_account'])
    await knex.schema.raw(`drop index ${name}`)
  await knex.schema.alterTable('keys', table => table.index(['account_id', 'created_at']))
}
