import type { Tx } from '../../db/connect.ts'
import { changeMany, unended } from './key-changes-store.ts'
import { working } from './key-query-store.ts'

/**
 * Takes permissions away from the working keys of an installation, all keys that have the same ones in one statement; a
 * key that is left with none expires. Returns how many those were.
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

/** The sets of permissions that working keys of an installation have, each once. */
async function listPermissionSets(tx: Tx, installationId: string): Promise<string[][]> {
  const sets: string[] = await working(tx('keys').where('keys.installation_id', installationId))
    .distinct()
    .pluck('keys.permissions')
  return sets.map(set => JSON.parse(set))
}

/** Gives the working keys of an installation that have just these permissions others; without any they expire. */
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
