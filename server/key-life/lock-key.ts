import type { Tx } from '../../db/connect.ts'
import type { ActorOnAccount, Member } from '../audit/actor.ts'
import type { Installation } from '../installs/installation.ts'
import { lockInstallation } from '../installs/lock-installation.ts'
import { findKeyOf, type Key, lockKeyOf, requireKey } from '../keys/find-keys.ts'
import { requireKeyAbility } from '../keys/key-ability.ts'

/**
 * Locks a key and its installation until the transaction ends, in the order that all verbs use. Of two concurrent acts on
 * one key, the second sees the result of the first. Throws `object.not_found`.
 */
export async function lockKeyAndInstallation(
  tx: Tx,
  { id, accountId, installationId }: Pick<Key, 'id' | 'accountId' | 'installationId'>,
): Promise<{ key: Key; installation: Installation | undefined }> {
  const installation = installationId === null ? undefined : await lockInstallation(tx, installationId)
  return { key: await lockKeyOf(tx, accountId, id), installation }
}

/**
 * The same for a member. The role is checked once the rows are locked: it may have changed during the wait. Throws `object.not_found` and `access.role`.
 */
export async function lockForMember(
  tx: Tx,
  { keyId, actor }: { keyId: string; actor: Member },
): Promise<{ key: Key; installation: Installation | undefined }> {
  const locked = await lockKeyAndInstallation(tx, await findKeyOf(tx, actor.accountId, keyId))
  await requireKeyAbility(tx, actor.id, locked.key)
  return locked
}

/** The same for whoever acts: a member is checked, the operator and its programs act on every key. */
export async function lockForActor(
  tx: Tx,
  { keyId, actor }: { keyId: string; actor: ActorOnAccount },
): Promise<{ key: Key; installation: Installation | undefined }> {
  if (actor.type === 'user') return await lockForMember(tx, { keyId, actor })
  return await lockKeyAndInstallation(tx, await requireKey(tx, keyId))
}
