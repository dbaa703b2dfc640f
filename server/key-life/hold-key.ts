import type { Tx } from '../../db/connect.ts'
import type { Installation } from '../installs/installation.ts'
import { lockInstallation } from '../installs/lock-installation.ts'
import { findKeyOf, holdKeyOf, type Key } from '../keys/find-keys.ts'
import { requireKeyAbility } from '../keys/key-ability.ts'

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

/**
 * The same for a member who acts. The role counts that they have once the rows are held: it may have been taken from them
 * during the wait. Throws `object.not_found` and `access.role`.
 */
export async function holdForMember(
  tx: Tx,
  { keyId, accountId, userId }: { keyId: string; accountId: string; userId: string },
): Promise<{ key: Key; installation: Installation | undefined }> {
  const held = await holdKeyAndInstallation(tx, await findKeyOf(tx, accountId, keyId))
  await requireKeyAbility(tx, userId, held.key)
  return held
}
