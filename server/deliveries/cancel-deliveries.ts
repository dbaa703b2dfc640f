import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'
import { release, STILL_PENDING } from './delivery-store.ts'

/** Cancels pending deliveries of the installation that carry a key; other events are still sent. */
export async function cancelPendingKeys(tx: Tx, installationId: string, at: number): Promise<number> {
  const count = await handingOver(tx).where({ installation_id: installationId }).update(cancelledAt(at))
  if (count > 0) await noteCancelled(tx, installationId, at)
  return count
}

/** Cancels the delivery of a key that ended before it was delivered. */
export async function cancelKeyDelivery(tx: Tx, keyId: string, at: number): Promise<number> {
  const rows: { installation_id: string }[] = await handingOver(tx)
    .where({ key_id: keyId })
    .update(cancelledAt(at))
    .returning('installation_id')
  for (const { installation_id } of rows) await noteCancelled(tx, installation_id, at)
  return rows.length
}

/** Cancels the deliveries of an installation's expired keys, many at once. */
export async function cancelExpiredKeys(tx: Tx, installationId: string, at: number): Promise<number> {
  const expired = tx('keys').where({ installation_id: installationId, status: 'expired' }).select('id')
  const count = await handingOver(tx)
    .where({ installation_id: installationId })
    .whereIn('key_id', expired)
    .update(cancelledAt(at))
  if (count > 0) await noteCancelled(tx, installationId, at)
  return count
}

const handingOver = (tx: Tx) => tx('deliveries').whereRaw(STILL_PENDING).whereNotNull('key_id')

const cancelledAt = (at: number) => ({ status: 'cancelled', settled_at: at, lease: null, lease_until: null })

async function noteCancelled(tx: Tx, installationId: string, at: number): Promise<void> {
  announce(tx, `cancelled:${installationId}`)
  await release(tx, [installationId], at)
}
