import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'
import { STILL_PENDING } from './delivery-store.ts'

/** Makes the pending deliveries of an installation due now, except leased ones. Returns how many. */
export async function sendAgainNow(tx: Tx, installationId: string, at: number): Promise<number> {
  announce(tx, 'deliveries')
  return await tx('deliveries')
    .where({ installation_id: installationId })
    .whereRaw(STILL_PENDING)
    .where('next_attempt_at', '>', at)
    .where(free => free.whereNull('lease_until').orWhere('lease_until', '<=', at))
    .update({ next_attempt_at: at })
}
