import type { Tx } from '../../db/connect.ts'
import { DAY } from '../base/clock.ts'
import { hasWorkingKeys } from '../keys/count-keys.ts'
import type { Key } from '../keys/find-keys.ts'
import { listKeysWithoutAny } from '../keys/list-keys.ts'
import { permissionsWatchedSince, readPermissionUse } from '../keys/read-usage.ts'
import type { Installation } from './installation.ts'

const WINDOW = 30 * DAY
/** The most keys listed of those that would expire. */
const MOST_NAMED = 20

/** What is known about permissions that an installation did not use in 30 days. */
export type UnusedPermissions =
  /** Usage has not been recorded for 30 days; known from `from` on. */
  | { known: false; because: 'young'; since: number; from: number }
  /** Some calls did not name a permission. */
  | { known: false; because: 'unsaid' }
  /** No key works, so none is used. */
  | { known: false; because: 'idle' }
  /** `emptied`: the keys that would have no permission left, or some of them if there are many. */
  | { known: true; permissions: string[]; emptied: Key[] }

/** Which permissions no key of an installation used in the last 30 days, as far as usage was recorded. */
export async function findUnusedPermissions(
  tx: Tx,
  installation: Installation,
  at: number,
): Promise<UnusedPermissions> {
  const runs = installation.status === 'active' || installation.status === 'suspended'
  if (!runs || installation.permissions.length === 0 || !(await hasWorkingKeys(tx, installation.id, at)))
    return { known: false, because: 'idle' }
  const since = Math.max(installation.activatedAt ?? installation.createdAt, await permissionsWatchedSince(tx))
  if (at - since < WINDOW) return { known: false, because: 'young', since, from: since + WINDOW }
  const { used, unsaid } = await readPermissionUse(tx, installation.id, at - WINDOW)
  if (unsaid) return { known: false, because: 'unsaid' }
  const permissions = installation.permissions.filter(name => !used.has(name))
  const emptied = await listKeysWithoutAny(tx, installation.id, [...used], MOST_NAMED, at)
  return { known: true, permissions, emptied }
}
