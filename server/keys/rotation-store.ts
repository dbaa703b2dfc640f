import type { Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'
import { changeKeys, workingRow } from './key-changes-store.ts'
import { listed, newestFirst, working } from './key-query-store.ts'
import type { Replaced } from './key-states.ts'
import { type Key, readKeys } from './key-store.ts'

/** Records the progress of a key's replacement; from `deadline` on the key is refused. */
export async function setRotation(
  tx: Tx,
  id: string,
  { rotation, overlapUntil, overlapMs }: Replaced,
  deadline?: number,
): Promise<void> {
  const plan = { rotation, overlap_until: overlapUntil, overlap_ms: overlapMs }
  const end = deadline !== undefined && { status: 'expiring', expires_at: deadline }
  await changeKeys(tx, workingRow(tx, id), { ...plan, ...end })
}

/** The working keys among these that were minted to replace others. */
export async function listReplacing(tx: Tx, ids: readonly string[]): Promise<Key[]> {
  return await listed(
    working(readKeys(tx))
      .whereRaw(isAmong(tx, 'keys.id', ids))
      .whereNotNull('keys.replaces'),
  )
}

/** The replacements of these keys, working or not, newest first. */
export async function listReplacements(tx: Tx, keyIds: readonly string[]): Promise<Key[]> {
  return await listed(newestFirst(readKeys(tx).whereRaw(isAmong(tx, 'keys.replaces', keyIds))))
}
