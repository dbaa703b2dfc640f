import { findApp } from '../../apps-registry/find-app.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { SYSTEM } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { isoTime } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { cancelKeyDelivery } from '../deliveries/cancel-deliveries.ts'
import { lockInstallation } from '../installs/lock-installation.ts'
import { keyExpiredNews, tellKeyNews, tellPlatform } from '../installs/tell-platform.ts'
import { listOverdueKeys, markOverdueExpired, nextDeadline, type OverdueKey } from '../keys/overdue-keys.ts'
import { abandonOverlaps } from '../keys/overlap.ts'

export type OverdueCaps = Caps & { database: Database; log: Log }

/**
 * Expires every key whose deadline has passed, each in its own short transaction; several processes at once expire each key
 * once. A key that fails is skipped until the next run. Returns when the next deadline is.
 */
export async function expireOverdueKeys(caps: OverdueCaps): Promise<number | undefined> {
  const { database, clock, log } = caps
  const at = clock.now()
  const troubled = new Set<string>()
  for (;;) {
    const overdue = await database.read(tx => listOverdueKeys(tx, at, troubled))
    if (overdue.length === 0) return await database.read(tx => nextDeadline(tx, at))
    for (const key of overdue) {
      try {
        await database.transaction(tx => expireOverdueKey(tx, caps, key, at))
      } catch (error) {
        log.error({ err: error, key: key.id }, 'an overdue key could not be expired; retrying')
        troubled.add(key.id)
      }
    }
  }
}

/** Queues the event of a managed key, also of a kept one, for its installation; logs it on both sides. */
async function expireOverdueKey(
  tx: Tx,
  caps: OverdueCaps,
  { id, installationId }: OverdueKey,
  at: number,
): Promise<void> {
  const installation = installationId === null ? undefined : await lockInstallation(tx, installationId)
  const key = await markOverdueExpired(tx, id, at)
  if (!key) return
  await cancelKeyDelivery(tx, key.id, at)
  const app = installation && (await findApp(tx, installation.appId))
  if (installation && app) await tellPlatform(tx, caps, app, installation, [keyExpiredNews(key, key.expiredAt)])
  for (const goesOn of await abandonOverlaps(tx, [key], at))
    await tellKeyNews(tx, caps, goesOn, installation, 'rotation_abandoned')
  const accounts = app ? [key.accountId, app.platform.accountId] : [key.accountId]
  const data = { name: key.name, reason: key.expiredBecause, expired_at: isoTime(key.expiredAt) }
  await recordActivity(tx, caps, accounts, [
    { actor: SYSTEM, what: 'key.expired', object: key.id, app: app?.id, at, data },
  ])
}
