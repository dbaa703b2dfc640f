import type { Tx } from '../../db/connect.ts'
import { DAY } from '../base/clock.ts'
import { hasWorkingKeys } from '../keys/count-keys.ts'
import type { Key } from '../keys/find-keys.ts'
import { listKeysWithoutAny } from '../keys/list-keys.ts'
import { permissionsWatchedSince, readPermissionUse } from '../keys/read-usage.ts'
import type { Installation } from './installation.ts'

const WINDOW = 30 * DAY
/** The most keys that are named of those that would expire. */
const MOST_NAMED = 20

/** What can be said about the permissions that an installation did not use in 30 days. */
export type UnusedPermissions =
  /** It was not watched for so long: nothing can be said before `from`. */
  | { known: false; because: 'young'; since: number; from: number }
  /** Calls came that did not say what they were for. */
  | { known: false; because: 'unsaid' }
  /** Nothing of it works, so nothing is used. */
  | { known: false; because: 'idle' }
  /** `emptied` are keys that would be left with no permission without them, some of them where they are many. */
  | { known: true; permissions: string[]; emptied: Key[] }

/** Which permissions no key of an installation used in the last 30 days, as far as that was watched. */
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
