import type { Tx } from '../../db/connect.ts'
import { editRow, type KeyEdit } from './key-changes-store.ts'

export type { KeyEdit } from './key-changes-store.ts'

/** Changes a key that works; false where it works no more. */
export async function changeKey(tx: Tx, keyId: string, edit: KeyEdit): Promise<boolean> {
  return await editRow(tx, keyId, edit)
}
