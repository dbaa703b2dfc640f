import type { Knex } from 'knex'
import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'
import { oldestOf } from '../../db/in-order.ts'
import { isAmong, jsonRows } from '../../db/json-rows.ts'
import { type ExpiryReason, type FrozenBy, type Replaced, WORKING } from './key-states.ts'
import { asStored, type Key, type KeyRow } from './key-store.ts'
import { type Settled, type Settlement, settledState } from './settlement.ts'

/**
 * The one way to change a key: whoever keeps a copy of it for verification learns of the change when it commits. Answers
 * how many of the keys that `which` chooses were there to be changed.
 */
async function changeKeys(tx: Tx, which: Knex.QueryBuilder, change: Record<string, unknown>): Promise<number> {
  const changed: { hash: string }[] = await which.update(change).returning('hash')
  for (const { hash } of changed) announce(tx, `key:${hash}`)
  return changed.length
}

/** A literal, as in the indexes of these keys: with parameters SQLite cannot use them. */
const WORKS = "status <> 'expired'"

/** An uninstallation has kept the key, and its row does not say so yet. */
const KEPT_UNSETTLED = `delivered_at is not null and installation_id in
  (select id from installations where settle_keys is not null and settle_keys <> 'expire')`

/** What has passed its deadline ends as of that, and is told so, by whoever looks after deadlines. */
function unended(query: Knex.QueryBuilder, at: number): Knex.QueryBuilder {
  for (const end of ['expires_at', 'freeze_until']) query.where(open => open.whereNull(end).orWhere(end, '>', at))
  return query.whereRaw(WORKS)
}

const working = (tx: Tx, id: string) =>
  tx('keys')
    .where({ id })
    .whereIn('status', [...WORKING])

/** Expires a key that still works; false where somebody was first. */
export async function expireRow(tx: Tx, id: string, because: ExpiryReason, at: number): Promise<boolean> {
  const change = { status: 'expired', expired_at: at, expired_because: because }
  return (await changeKeys(tx, working(tx, id), change)) === 1
}

/** Expires a key as of its deadline; false where it has ended or its deadlines are others now. */
export async function expireOverdueRow(
  tx: Tx,
  key: Pick<Key, 'id' | 'expiresAt' | 'freezeUntil'>,
  deadline: number,
  because: ExpiryReason,
): Promise<boolean> {
  const same = working(tx, key.id).where({ expires_at: key.expiresAt, freeze_until: key.freezeUntil })
  return (await changeKeys(tx, same, { status: 'expired', expired_at: deadline, expired_because: because })) === 1
}

/**
 * The same for many keys at once: whoever keeps copies forgets those of whole installations, so that nothing grows with the
 * number of keys but the one statement.
 */
async function changeMany(tx: Tx, which: Knex.QueryBuilder, change: Record<string, unknown>): Promise<number> {
  const changed: { installation_id: string }[] = await which.update(change).returning('installation_id')
  for (const id of new Set(changed.map(row => row.installation_id))) announce(tx, `installation:${id}`)
  return changed.length
}

/** Expires the working keys of an installation that its platform never acknowledged. */
export async function expireUndeliveredRows(tx: Tx, installationId: string, at: number): Promise<number> {
  const which = unended(tx('keys').where({ installation_id: installationId }).whereNull('delivered_at'), at)
  return await changeMany(tx, which, { status: 'expired', expired_at: at, expired_because: 'undelivered' })
}

/** Expires the working keys that were to end with an installation's activation. */
export async function expireRowsEndingWith(tx: Tx, installationId: string, at: number): Promise<number> {
  const which = unended(tx('keys').where({ ends_with: installationId }), at)
  return await changeMany(tx, which, { status: 'expired', expired_at: at, expired_because: 'replaced' })
}

/** Gives the working keys of an installation that have just these permissions others; without any they expire. */
export async function replacePermissions(
  tx: Tx,
  installationId: string,
  permissions: readonly string[],
  left: readonly string[],
  at: number,
): Promise<number> {
  const same = { installation_id: installationId, permissions: JSON.stringify(permissions) }
  const which = unended(tx('keys').where(same), at)
  const ends = left.length === 0 && { status: 'expired', expired_at: at, expired_because: 'permissions_removed' }
  return await changeMany(tx, which, { permissions: JSON.stringify(left), ...ends })
}

/**
 * Writes what an uninstallation decided into the rows of some keys, those that are to be settled alike in one statement.
 * Copies stay as they are: the installation's row has said the same since it ended. Returns the last id while there may be
 * more.
 */
export async function settleRows(
  tx: Tx,
  installationId: string,
  settlement: Settlement,
  { after, limit }: { after: string; limit: number },
): Promise<string | undefined> {
  const rows: KeyRow[] = await oldestOf(tx('keys'), ['installation_id', 'id'], installationId, after)
    .whereRaw(WORKS)
    .whereNull('kept_at')
    .limit(limit)
  const alike = new Map<string, string[]>()
  for (const row of rows) {
    const state = settledState(asStored(row), settlement)
    if (state) alike.set(JSON.stringify(state), [...(alike.get(JSON.stringify(state)) ?? []), row.id])
  }
  for (const [text, ids] of alike) {
    const { status, keptAt, expiresAt, expiredAt, expiredBecause, ...plan }: Settled = JSON.parse(text)
    const change = { status, kept_at: keptAt, expires_at: expiresAt, expired_at: expiredAt, rotation: plan.rotation }
    await tx('keys')
      .whereRaw(isAmong(tx, 'id', ids))
      .whereRaw(WORKS)
      .update({
        ...{ ...change, expired_because: expiredBecause },
        ...{ overlap_until: plan.overlapUntil, overlap_ms: plan.overlapMs },
      })
  }
  return rows.length < limit ? undefined : rows.at(-1)?.id
}

/** Returns those that had not arrived before. */
export async function markDelivered(tx: Tx, ids: readonly string[], at: number): Promise<string[]> {
  const rows: { id: string }[] = await tx('keys')
    .whereRaw(isAmong(tx, 'id', ids))
    .whereNull('delivered_at')
    .update({ delivered_at: at })
    .returning('id')
  return rows.map(({ id }) => id)
}

/** Marks the kept keys of a place; it decides about nothing yet, so no copy of a key need be forgotten. */
export async function keepEndingWith(
  tx: Tx,
  place: { appId: string; accountId: string; mode: string },
  installationId: string,
): Promise<void> {
  await tx('keys')
    .where({ app_id: place.appId, account_id: place.accountId, mode: place.mode })
    .whereRaw(`${WORKS} and (kept_at is not null or (${KEPT_UNSETTLED}))`)
    .update({ ends_with: installationId })
}

export type KeyEdit = Partial<Pick<Key, 'name' | 'note' | 'permissions' | 'addresses' | 'expiresAt'>>

/** Changes what people may change of a key that works; a deadline that is given makes it expiring. */
export async function editRow(tx: Tx, id: string, edit: KeyEdit): Promise<boolean> {
  const { name, note, permissions, addresses, expiresAt } = edit
  const change = {
    ...(name !== undefined && { name }),
    ...(note !== undefined && { note }),
    ...(permissions !== undefined && { permissions: JSON.stringify(permissions) }),
    ...(addresses !== undefined && { addresses: addresses && JSON.stringify(addresses) }),
    ...(expiresAt !== undefined && { expires_at: expiresAt, status: 'expiring' }),
  }
  return (await changeKeys(tx, working(tx, id), change)) === 1
}

/** Writes how far the replacement of a key is; `deadline`: from then on the key is refused. */
export async function setRotation(
  tx: Tx,
  id: string,
  { rotation, overlapUntil, overlapMs }: Replaced,
  deadline?: number,
): Promise<void> {
  const plan = { rotation, overlap_until: overlapUntil, overlap_ms: overlapMs }
  const end = deadline !== undefined && { status: 'expiring', expires_at: deadline }
  await changeKeys(tx, working(tx, id), { ...plan, ...end })
}

/** Stops a key; false where it is frozen already or works no more. */
export async function setFrozen(
  tx: Tx,
  id: string,
  { by, until, at }: { by: FrozenBy; until: number | null; at: number },
): Promise<boolean> {
  const change = { frozen_at: at, frozen_by: by, freeze_until: until }
  return (await changeKeys(tx, working(tx, id).whereNull('frozen_at'), change)) === 1
}

/** A key that its account froze was found in public meanwhile; false where it is not frozen so. */
export async function setFrozenByLeak(tx: Tx, id: string): Promise<boolean> {
  return (await changeKeys(tx, working(tx, id).where('frozen_by', 'account'), { frozen_by: 'leak_report' })) === 1
}

/** Gives a frozen key back; false where it is not frozen, or where it ended meanwhile. */
export async function clearFrozen(tx: Tx, id: string, at: number): Promise<boolean> {
  const frozen = working(tx, id)
    .whereNotNull('frozen_at')
    .where(open => open.whereNull('freeze_until').orWhere('freeze_until', '>', at))
  return (await changeKeys(tx, frozen, { frozen_at: null, frozen_by: null, freeze_until: null })) === 1
}

/** Moves the last use of keys forward, never back. It decides about nothing, so no copy of a key need be forgotten. */
export async function noteLastUse(tx: Tx, uses: readonly { keyId: string; lastAt: number }[]): Promise<void> {
  if (uses.length === 0) return
  const used = jsonRows(
    tx,
    { key_id: 'text', last_at: 'integer' },
    uses.map(({ keyId, lastAt }) => [keyId, lastAt]),
  )
  await tx.raw(
    `update keys set last_used_at = used.last_at from (?) as used
     where keys.id = used.key_id and (keys.last_used_at is null or keys.last_used_at < used.last_at)`,
    [used],
  )
}
