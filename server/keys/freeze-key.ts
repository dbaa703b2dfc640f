import type { Tx } from '../../db/connect.ts'
import { changeKeys, workingRow } from './key-changes-store.ts'
import type { FrozenBy } from './key-states.ts'

export type Freeze = {
  by: FrozenBy
  /** When the key expires; null: it stays frozen until somebody decides. */
  until: number | null
  at: number
}

/**
 * Freezes a working key; returns false if it is frozen already or does not work any more. A leak is recorded on a
 * frozen key too.
 */
export async function setFrozen(tx: Tx, keyId: string, freeze: Freeze): Promise<boolean> {
  const { by, until, at } = freeze
  const change = { frozen_at: at, frozen_by: by, freeze_until: until }
  if ((await changeKeys(tx, workingRow(tx, keyId).whereNull('frozen_at'), change)) === 1) return true
  return by === 'leak_report' && (await noteLeak(tx, keyId))
}

/** Records that a key frozen by its account has leaked; false if it is not frozen by its account. */
async function noteLeak(tx: Tx, id: string): Promise<boolean> {
  return (await changeKeys(tx, workingRow(tx, id).where('frozen_by', 'account'), { frozen_by: 'leak_report' })) === 1
}

/** Unfreezes a key; false if it is not frozen, or has expired. */
export async function clearFrozen(tx: Tx, id: string, at: number): Promise<boolean> {
  const frozen = workingRow(tx, id)
    .whereNotNull('frozen_at')
    .where(open => open.whereNull('freeze_until').orWhere('freeze_until', '>', at))
  return (await changeKeys(tx, frozen, { frozen_at: null, frozen_by: null, freeze_until: null })) === 1
}
