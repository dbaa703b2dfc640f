import type { Tx } from '../../db/connect.ts'
import { REENCRYPTION_LOCK } from './record-store.ts'

/**
 * Call it before locking records for re-encryption: narrowing grants skips rows that others have locked, because those
 * are being used up, and must not skip these. Returns false while grants are being narrowed: retry later.
 */
export async function lockRecordsForReencryption(tx: Tx): Promise<boolean> {
  if (tx.client.config.client !== 'pg') return true
  const { rows } = await tx.raw(`select pg_try_advisory_xact_lock(${REENCRYPTION_LOCK}) as held`)
  return rows[0]?.held === true
}
