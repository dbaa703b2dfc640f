import { findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { writeToMembers } from '../accounts/write-to-members.ts'
import { SYSTEM } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { cancelPendingKeys } from '../deliveries/cancel-deliveries.ts'
import type { Settled } from '../deliveries/settle-attempts.ts'
import { hasUndelivered } from '../keys/count-keys.ts'
import { expireIfUndelivered, expireUndelivered } from '../keys/expire-keys.ts'
import { noteKeysDelivered } from '../keys/note-delivered.ts'
import { abandonOverlaps, endOverlaps } from '../keys/overlap.ts'
import { leaveRest } from './batch-jobs.ts'
import { deliveryFailedLetter } from './delivery-failed-letter.ts'
import { expireKeysOfBefore } from './expire-keys-of-before.ts'
import type { Installation } from './installation.ts'
import { moveInstallation } from './installation-store.ts'
import { listInstalling } from './list-installations.ts'
import { lockInstallation } from './lock-installation.ts'
import { type ToldExpired, tellExpired } from './tell-expired.ts'
import { keyExpiredNews, tellKeyNews, tellPlatform } from './tell-platform.ts'

/**
 * After the platform has acknowledged events. Once it has acknowledged every key of an installation, the installation becomes
 * active, and kept keys of an earlier one that were to expire then expire.
 */
export async function deliveriesSucceeded(tx: Tx, caps: Caps, settled: readonly Settled[]): Promise<void> {
  const at = caps.clock.now()
  const keyIds = settled.flatMap(({ keyId }) => keyId ?? [])
  const arrived = await noteKeysDelivered(tx, keyIds, at)
  for (const old of await endOverlaps(tx, arrived, at)) {
    const installation = await lockInstallation(tx, old.installationId ?? '') // already locked together with the new key's
    await tellKeyNews(tx, caps, old, installation, 'deadline_changed')
  }
  const installing = await listInstalling(
    tx,
    settled.map(({ installationId }) => installationId),
  )
  for (const installation of installing) await activate(tx, caps, installation, at)
}

async function activate(tx: Tx, caps: Caps, installation: Installation, at: number): Promise<void> {
  if (await hasUndelivered(tx, installation.id)) return
  if (!(await moveInstallation(tx, installation.id, 'activate', at))) return
  const expired = await expireKeysOfBefore(tx, caps, installation.id)
  await note(tx, caps, installation, 'installation.active', at, { expired })
}

/**
 * After the schedule is exhausted. The key of the failed delivery expires; an installation that was installing becomes
 * `delivery_failed`, and all its undelivered keys expire. If the key was to replace another one, the old key stays active.
 */
export async function deliveryFailed(tx: Tx, caps: Caps, settled: Settled): Promise<void> {
  const at = caps.clock.now()
  const installation = await lockInstallation(tx, settled.installationId)
  if (!installation) return
  if (installation.status === 'installing') {
    if (settled.keyId === null && settled.gone && (await hasUndelivered(tx, installation.id))) return // its keys' deliveries are paused
    await cancelPendingKeys(tx, installation.id, at)
    const expired = await expireUndelivered(tx, installation.id, at)
    await moveInstallation(tx, installation.id, 'fail', at)
    const app = await findApp(tx, installation.appId)
    const to = { accountId: installation.accountId, audience: 'managers' } as const
    if (app) await writeToMembers(tx, caps, to, name => deliveryFailedLetter(app, installation, name, at))
    await tellUnsent(tx, caps, installation.id, at)
    await note(tx, caps, installation, 'installation.delivery_failed', at, { expired })
  } else if (settled.keyId !== null) {
    const expired = await expireIfUndelivered(tx, settled.keyId, at)
    if (!expired) return // a redelivery of a delivered key
    const app = await findApp(tx, installation.appId)
    if (app) await tellPlatform(tx, caps, app, installation, [keyExpiredNews(expired, at)])
    for (const key of await abandonOverlaps(tx, [expired], at))
      await tellKeyNews(tx, caps, key, installation, 'rotation_abandoned')
    await note(tx, caps, installation, 'key.not_delivered', at, { key: settled.keyId })
  }
}

/** Records the expiry of undelivered keys in the event list only: an address that acknowledged nothing is not sent it. */
async function tellUnsent(tx: Tx, caps: Caps, installationId: string, at: number): Promise<void> {
  const told: ToldExpired = { installationId, which: 'own', because: 'undelivered', at, sent: false }
  await leaveRest(tx, caps, { kind: 'tell_expired', subject: installationId, data: told }, position =>
    tellExpired(tx, caps, told, position),
  )
}

async function note(
  tx: Tx,
  caps: Caps,
  installation: Installation,
  what: string,
  at: number,
  data: Record<string, number | string>,
): Promise<void> {
  const app = await findApp(tx, installation.appId)
  const accounts = app ? [installation.accountId, app.platform.accountId] : [installation.accountId]
  await recordActivity(tx, caps, accounts, [
    { actor: SYSTEM, what, object: installation.id, app: installation.appId, at, data },
  ])
}
