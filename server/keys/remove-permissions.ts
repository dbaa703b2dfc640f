import type { Tx } from '../../db/connect.ts'
import { changeMany, unended } from './key-changes-store.ts'
import { working } from './key-query-store.ts'

/**
 * Removes permissions from the working keys of an installation, in one statement for each distinct set; a key without
 * remaining permissions expires. Returns how many expired.
 */
export async function removePermissions(
  tx: Tx,
  installationId: string,
  removed: readonly string[],
  at: number,
): Promise<number> {
  let emptied = 0
  for (const permissions of await listPermissionSets(tx, installationId)) {
    const left = permissions.filter(name => !removed.includes(name))
    if (left.length === permissions.length) continue
    const changed = await replacePermissions(tx, installationId, permissions, left, at)
    if (left.length === 0) emptied += changed
  }
  return emptied
}

/** The distinct sets of permissions of an installation's working keys. */
async function listPermissionSets(tx: Tx, installationId: string): Promise<string[][]> {
  const sets: string[] = await working(tx('keys').where('keys.installation_id', installationId))
    .distinct()
    .pluck('keys.permissions')
  return sets.map(set => JSON.parse(set))
}

/** Replaces one set of permissions in the working keys of an installation; an empty one expires them. */
async function replacePermissions(
  tx: Tx,
  installationId: string,
  permissions: readonly string[],
  left: readonly string[],
  at: number,
): Promise<number> {
  const same = { installation_id: installationId, permissions: JSON.stringify(permissions) }
  const which = unended(tx('keys').where(same), at)
  const ends = left.length === 0 && { status: 'expired', expired_at: at, expired_because: 'permissions_removed' }
  return await changeMany(tx, which, { permissions: JSON.stringify(left), ...ends })
}
