import type { Tx } from '../../db/connect.ts'
import { oldestOf } from '../../db/in-order.ts'
import type { Mode } from '../base/mode.ts'
import { changeKeys, changeMany, unended, WORKS, workingRow } from './key-changes-store.ts'
import { listed } from './key-query-store.ts'
import { type ExpiryReason, statusAt } from './key-states.ts'
import { findKeyRow, type Key, readKeys } from './key-store.ts'

/** Marks a key as expired; returns false if it already was. */
export async function markExpired(tx: Tx, id: string, because: ExpiryReason, at: number): Promise<boolean> {
  const change = { status: 'expired', expired_at: at, expired_because: because }
  return (await changeKeys(tx, workingRow(tx, id), change)) === 1
}

/** Expires a key that its platform never acknowledged; returns undefined if it was acknowledged or has expired. */
export async function expireIfUndelivered(tx: Tx, keyId: string, at: number): Promise<Key | undefined> {
  const key = await findKeyRow(tx, keyId)
  if (key?.deliveredAt !== null || statusAt(key, at) === 'expired') return undefined
  if (!(await markExpired(tx, keyId, 'undelivered', at))) return undefined
  return { ...key, status: 'expired', expiredAt: at, expiredBecause: 'undelivered' }
}

/** Expires the working keys of an installation that its platform never acknowledged; returns how many. */
export async function expireUndelivered(tx: Tx, installationId: string, at: number): Promise<number> {
  const which = unended(tx('keys').where({ installation_id: installationId }).whereNull('delivered_at'), at)
  return await changeMany(tx, which, { status: 'expired', expired_at: at, expired_because: 'undelivered' })
}

/** Expires the kept keys that were chosen to end once this installation is active; returns how many. */
export async function expireKeysEndingWith(tx: Tx, installationId: string, at: number): Promise<number> {
  const which = unended(tx('keys').where({ ends_with: installationId }), at)
  return await changeMany(tx, which, { status: 'expired', expired_at: at, expired_because: 'replaced' })
}

/** The uninstall has kept the key, and its row is not settled yet. */
const KEPT_UNSETTLED = `delivered_at is not null and installation_id in
  (select id from installations where settle_keys is not null and settle_keys <> 'expire')`

/**
 * Marks the kept keys of a target to expire once a new installation is active. Verification does not read the mark, so
 * no cached copy is dropped.
 */
export async function markToExpireWith(
  tx: Tx,
  target: { appId: string; accountId: string; mode: Mode },
  installationId: string,
): Promise<void> {
  await tx('keys')
    .where({ app_id: target.appId, account_id: target.accountId, mode: target.mode })
    .whereRaw(`${WORKS} and (kept_at is not null or (${KEPT_UNSETTLED}))`)
    .update({ ends_with: installationId })
}

/** Keys that one act has expired, in the order of their ids: those of an installation, or those that ended with it. */
export type ExpiredTogether = {
  installationId: string
  which: 'own' | 'ending_with'
  because: ExpiryReason
  at: number
}

/** A page of the keys that one act has expired, after an id. */
export async function listExpired(
  tx: Tx,
  act: ExpiredTogether,
  { after, limit }: { after: string; limit: number },
): Promise<Key[]> {
  const column = act.which === 'own' ? 'keys.installation_id' : 'keys.ends_with'
  const query = oldestOf(readKeys(tx), [column, 'keys.id'], act.installationId, after)
  return await listed(query.where({ 'keys.expired_at': act.at, 'keys.expired_because': act.because }).limit(limit))
}
