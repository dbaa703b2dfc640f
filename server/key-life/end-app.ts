import type { Tx } from '../../db/connect.ts'
import type { Outsider } from '../audit/actor.ts'
import type { Caps } from '../base/caps.ts'
import { listAliveAfter } from '../installs/list-installations.ts'
import { uninstallApp } from '../installs/uninstall-app.ts'
import { listKeptKeys } from '../keys/kept-keys.ts'
import { expireKey } from './expire-key.ts'

/** The position after every installation: only kept keys are left. */
const KEPT_KEYS = 'kept'

/**
 * Uninstalls a retired app from the next account, or expires the next of its kept keys, which are refused since the app
 * was retired; one per call, because each writes into the logs of others. Returns the next position, or undefined at
 * the end.
 */
export async function endNext(
  tx: Tx,
  caps: Caps & { publicUrl: string },
  { appId, actor }: { appId: string; actor: Outsider },
  after: string,
): Promise<string | undefined> {
  const [installation] = after === KEPT_KEYS ? [] : await listAliveAfter(tx, appId, after, 1)
  if (installation) {
    const reason = 'app_retired'
    await uninstallApp(tx, caps, { installationId: installation.id, keys: { answer: 'expire' }, reason, actor })
    return installation.id
  }
  const [key] = await listKeptKeys(tx, { appId }, 1, caps.clock.now())
  if (!key) return undefined
  await expireKey(tx, caps, key, 'app_retired', actor)
  return KEPT_KEYS
}
