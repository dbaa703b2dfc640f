import type { Tx } from '../../db/connect.ts'
import { setFrozen } from './key-store.ts'

/** Stops a key that works, reversibly; false where it is frozen already or works no more. */
export async function freezeKey(tx: Tx, keyId: string, at: number): Promise<boolean> {
  return await setFrozen(tx, keyId, at)
}
