import type { Tx } from '../../db/connect.ts'
import { REENCRYPTION_LOCK } from './record-store.ts'

/**
 * Says before records are held only to be encrypted anew that they are: whoever narrows grants passes over what others
 * hold, because they use it up, and must not pass over these. False where grants are being narrowed: try again later.
 */
export async function lockRecordsForReencryption(tx: Tx): Promise<boolean> {
  if (tx.client.config.client !== 'pg') return true
  const { rows } = await tx.raw(`select pg_try_advisory_xact_lock(${REENCRYPTION_LOCK}) as held`)
  return rows[0]?.held === true
}
