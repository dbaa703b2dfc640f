import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import type { Act } from '../audit/record-activity.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { type ExpiredTogether, listExpired } from '../keys/expire-keys.ts'
import { abandonOverlaps } from '../keys/overlap.ts'
import { lockInstallation } from './lock-installation.ts'
import { keyExpiredNews, tellKeyNews, tellPlatform } from './tell-platform.ts'

const BATCH = 50

/**
 * `actor`: who expired the keys, for one log entry per key in both logs; absent if one entry covers the whole act. `sent`:
 * false if the events are only listed, because the app's address fails.
 */
export type ToldExpired = ExpiredTogether & { actor?: Actor | undefined; sent?: boolean }

/**
 * Queues the events of keys that expired together, for one batch after a position. If a key was to replace another one, the old
 * key stays active, and the platform is notified. Log entries are added to `acts` for the caller to write; without `acts` they
 * are written here, so call it last. Returns the next position, or undefined at the end.
 */
export async function tellExpired(
  tx: Tx,
  caps: Caps,
  { actor, sent = true, ...told }: ToldExpired,
  after: string,
  acts?: Act[],
): Promise<string | undefined> {
  const keys = await listExpired(tx, told, { after, limit: BATCH })
  const said: Act[] = []
  let accounts: string[] = []
  for (const installationId of [...new Set(keys.flatMap(key => key.installationId ?? []))].sort()) {
    const installation = await lockInstallation(tx, installationId)
    const app = installation && (await findApp(tx, installation.appId))
    if (!installation || !app) continue
    const own = keys.filter(key => key.installationId === installationId)
    await tellPlatform(
      tx,
      caps,
      app,
      installation,
      own.map(key => ({ ...keyExpiredNews(key, told.at), sent })),
    )
    for (const goesOn of await abandonOverlaps(tx, own, told.at))
      await tellKeyNews(tx, caps, goesOn, installation, 'rotation_abandoned')
    accounts = [installation.accountId, app.platform.accountId]
    if (actor)
      said.push(
        ...own.map(({ id, name }) => ({
          actor,
          what: 'key.expired',
          object: id,
          app: app.id,
          at: told.at,
          data: { name },
        })),
      )
  }
  if (acts) acts.push(...said)
  else if (said.length > 0) await recordActivity(tx, caps, accounts, said)
  return keys.length < BATCH ? undefined : keys.at(-1)?.id
}
