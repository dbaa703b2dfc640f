import type { Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'

/** Records the platform's acknowledgement of keys; returns those that were not acknowledged before. */
export async function noteKeysDelivered(tx: Tx, ids: readonly string[], at: number): Promise<string[]> {
  if (ids.length === 0) return []
  const rows: { id: string }[] = await tx('keys')
    .whereRaw(isAmong(tx, 'id', ids))
    .whereNull('delivered_at')
    .update({ delivered_at: at })
    .returning('id')
  return rows.map(({ id }) => id)
}
