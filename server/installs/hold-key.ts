import type { Tx } from '../../db/connect.ts'
import { holdKeyOf, type Key } from '../keys/find-keys.ts'
import { type Installation, lockInstallation } from './installation-store.ts'

/**
 * A key and its installation as they are now, held until the transaction ends, in the order in which everybody takes them.
 * Of two who act on one key at once, the second sees what the first has done. Throws `object.not_found`.
 */
export async function holdKeyAndInstallation(
  tx: Tx,
  { id, accountId, installationId }: Pick<Key, 'id' | 'accountId' | 'installationId'>,
): Promise<{ key: Key; installation: Installation | undefined }> {
  const installation = installationId === null ? undefined : await lockInstallation(tx, installationId)
  return { key: await holdKeyOf(tx, accountId, id), installation }
}
