import type { Knex } from 'knex'

/**
 * A key that is being replaced says how far its rotation is. Until now that was read from `overlap_until` and `expires_at`
 * together, and a rotation whose new key was itself replaced before it arrived never ended.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('keys', table => {
    table.string('rotation', 8) // waiting, running, stuck
  })
  await knex.raw(`update keys set rotation = case
      when overlap_until is null then 'stuck'
      when kind = 'restricted' or exists (
        select 1 from keys as n where n.replaces = keys.id and n.delivered_at is not null) then 'running'
      else 'waiting' end
    where status = 'expiring' and (overlap_until is not null or (expires_at is null and freeze_until is null))`)
  await knex.raw(`${SUCCESSORS}
    update keys set rotation = 'running', expires_at = (
      select max(case when keys.overlap_until > s.delivered_at then keys.overlap_until else s.delivered_at end)
      from successors as s where s.first = keys.id and s.delivered_at is not null and s.status <> 'expired')
    where rotation = 'waiting' and expires_at is null and id in (
      select first from successors where delivered_at is not null and status <> 'expired')`)
  await knex.raw(`${SUCCESSORS}
    update keys set rotation = case when kept_at is null then 'stuck' end, overlap_until = null, overlap_ms = null
    where rotation = 'waiting' and id not in (select first from successors where status <> 'expired')`)
  await knex('keys').where({ status: 'expiring', expires_at: null }).update({ status: 'active' })
}

/** Each key that waits with all that replaced it, at any distance. */
const SUCCESSORS = `with recursive successors(first, id, delivered_at, status) as (
    select replaces, id, delivered_at, status from keys
      where replaces in (select id from keys where rotation = 'waiting')
    union all
    select s.first, k.id, k.delivered_at, k.status from successors as s join keys as k on k.replaces = s.id)`

export async function down(knex: Knex): Promise<void> {
  await knex('keys')
    .whereIn('rotation', ['waiting', 'stuck'])
    .whereNot({ status: 'expired' })
    .update({ status: 'expiring' })
  await knex.raw('alter table keys drop column rotation') // the builder would build the table anew, which others point to
}
