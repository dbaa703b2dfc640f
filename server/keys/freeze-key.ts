import type { Tx } from '../../db/connect.ts'
import { clearFrozen, setFrozen, setFrozenByLeak } from './key-changes-store.ts'
import type { FrozenBy } from './key-states.ts'

export type Freeze = {
  by: FrozenBy
  /** From then on the key counts as expired; absent: it stays frozen until somebody decides. */
  until: number | null
  at: number
}

/**
 * Stops a key that works, reversibly; false where it is frozen already or works no more. That it was found in public is
 * noted of a frozen key too.
 */
export async function freezeKey(tx: Tx, keyId: string, freeze: Freeze): Promise<boolean> {
  if (await setFrozen(tx, keyId, freeze)) return true
  return freeze.by === 'leak_report' && (await setFrozenByLeak(tx, keyId))
}

/** Gives a frozen key back; false where it is not frozen, or where it ended meanwhile. */
export async function unfreezeKey(tx: Tx, keyId: string, at: number): Promise<boolean> {
  return await clearFrozen(tx, keyId, at)
}
