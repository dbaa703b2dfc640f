import type { Tx } from '../../db/connect.ts'
import { oldestOf } from '../../db/in-order.ts'
import { isAmong } from '../../db/json-rows.ts'
import { WORKS } from './key-changes-store.ts'
import { asStored, type Key, type KeyRow } from './key-store.ts'
import { pageInstallationKeys } from './list-keys.ts'
import { type Settled, type Settlement, settledState } from './settlement.ts'

export type KeyOutcome = { key: Key; outcome: 'expired' | 'kept'; expiresAt: number | null }

/** The effect of an uninstall on the newest working keys of its installation, before it is written. */
export async function listOutcomes(
  tx: Tx,
  installationId: string,
  settlement: Settlement,
  limit: number,
): Promise<KeyOutcome[]> {
  const keys = await pageInstallationKeys(tx, { installationId, working: { at: settlement.at }, limit })
  return keys.flatMap(key => {
    const state = settledState(key, settlement)
    if (!state) return []
    const expired = state.status === 'expired'
    return [{ key, outcome: expired ? 'expired' : 'kept', expiresAt: expired ? settlement.at : state.expiresAt }]
  })
}

/**
 * Writes the choice of an uninstall into the rows of some keys, in one statement for each outcome. Cached copies stay:
 * the installation's row has had the same effect since it ended. Returns the last id while there may be more.
 */
export async function settleKeys(
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
        ...change,
        expired_because: expiredBecause,
        overlap_until: plan.overlapUntil,
        overlap_ms: plan.overlapMs,
      })
  }
  return rows.length < limit ? undefined : rows.at(-1)?.id
}
