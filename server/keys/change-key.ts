import type { Tx } from '../../db/connect.ts'
import { changeKeys, workingRow } from './key-changes-store.ts'
import type { Key } from './key-store.ts'

export type KeyEdit = Partial<Pick<Key, 'name' | 'note' | 'permissions' | 'addresses' | 'expiresAt'>>

/**
 * Changes the editable members of a working key; a deadline makes it expiring. Returns false if it does not work any
 * more.
 */
export async function changeKey(tx: Tx, id: string, edit: KeyEdit): Promise<boolean> {
  const { name, note, permissions, addresses, expiresAt } = edit
  const change = {
    ...(name !== undefined && { name }),
    ...(note !== undefined && { note }),
    ...(permissions !== undefined && { permissions: JSON.stringify(permissions) }),
    ...(addresses !== undefined && { addresses: addresses && JSON.stringify(addresses) }),
    ...(expiresAt !== undefined && { expires_at: expiresAt, status: 'expiring' }),
  }
  return (await changeKeys(tx, workingRow(tx, id), change)) === 1
}
