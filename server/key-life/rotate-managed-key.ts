import { findApp } from '../../apps-registry/find-app.ts'
import type { RecipientKey } from '../../apps-registry/recipient-key.ts'
import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import { isoTime, SECOND } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { cancelKeyDelivery } from '../deliveries/cancel-deliveries.ts'
import { eventKey } from '../deliveries/event.ts'
import { keyExpiredNews, tellPlatform } from '../installs/tell-platform.ts'
import { markExpired } from '../keys/expire-keys.ts'
import type { Key } from '../keys/find-keys.ts'
import { statusAt } from '../keys/key-states.ts'
import { type MintCaps, mintManagedKey } from '../keys/mint-key.ts'
import { lastDayOf, listSuccessors, startOverlap } from '../keys/overlap.ts'
import type { EncryptedSecret } from '../keys/seal-key.ts'
import { requireGranted } from './granted-permissions.ts'
import { lockKeyAndInstallation } from './lock-key.ts'

export type RotateManagedKey = {
  key: Key
  /** 0: the old key expires now, without waiting for the new one to arrive; for leaks. */
  overlapSeconds: number
  /** Rotates even if a rotation is in progress. */
  force: boolean
  /** Permissions of the caller's token; absent: all that the installation has. */
  atMost?: readonly string[] | undefined
  recipient: RecipientKey
  reason: string
  actor: Actor
}

/**
 * Replaces a key. The new key is sealed and queued; the old one stays active until the overlap ends, which it only does once
 * the new key has arrived, so a rotation cannot lose a key. The new key has the allowlist and the deadline of the old one.
 * Only the account itself replaces a key that it has frozen. Throws `key.rotation_in_progress`,
 * `key.expired`, `key.frozen`, `installation.not_active`, and `permission.not_granted` where the new key could do more than
 * the token that asks, or nothing.
 */
export async function rotateManagedKey(
  tx: Tx,
  caps: MintCaps,
  command: RotateManagedKey,
): Promise<{ key: Key; sealed: EncryptedSecret }> {
  const at = caps.clock.now()
  const { recipient } = command
  const { key: old, installation } = await lockRotatable(tx, command, at)
  const app = await findApp(tx, installation.appId)
  if (!app) throw new AppError('object.not_found')
  const permissions = old.permissions.filter(name => installation.permissions.includes(name)) // some may be gone since
  requireGranted(permissions, command.atMost)
  const earlier = await listSuccessors(tx, old.id, at)
  if (earlier.length > 0 && !command.force) throw new AppError('key.rotation_in_progress')

  const { key, sealed } = await mintManagedKey(tx, caps, {
    installation,
    name: old.name,
    permissions,
    recipient,
    addresses: old.addresses,
    expiresAt: await lastDayOf(tx, old),
    note: old.note,
    replaces: old.id,
    instead: command.overlapSeconds === 0,
  })
  const end = await endOld(tx, old, command.overlapSeconds * SECOND, at)
  const replaced = { id: old.id, expires_at: isoTime(end) }
  const givenUp = await giveUp(tx, earlier, at)
  await tellPlatform(tx, caps, app, installation, [
    {
      type: 'managed_key.rotated',
      details: { key: eventKey(key), encrypted_secret: sealed, replaced, reason: command.reason },
      keyId: key.id,
    },
    ...givenUp.map(ended => keyExpiredNews(ended, at)),
  ])
  const { reason, overlapSeconds, actor } = command
  const data = { name: old.name, new_key: key.id, overlap_seconds: overlapSeconds, reason }
  const act = { actor, what: 'key.rotated', object: old.id, app: app.id, at, data } as const
  await recordActivity(tx, caps, [installation.accountId, app.platform.accountId], [act])
  return { key, sealed }
}

/** Locks a key that may be rotated now, and its installation. */
async function lockRotatable(tx: Tx, command: RotateManagedKey, at: number) {
  const { key: old, installation } = await lockKeyAndInstallation(tx, command.key)
  if (!installation || installation.status === 'uninstalled') throw new AppError('installation.not_active')
  if (statusAt(old, at) === 'expired') throw new AppError('key.expired')
  if (old.frozenBy === 'account' && command.actor.type !== 'user')
    throw new AppError('key.frozen', {
      detail: 'Nothing was changed: only the account can rotate a key that it has frozen.',
    })
  return { key: old, installation }
}

/** Ends the old key now, or plans its end; returns when that is. */
async function endOld(tx: Tx, old: Key, overlap: number, at: number): Promise<number> {
  if (overlap > 0) return await startOverlap(tx, old, overlap, at)
  await markExpired(tx, old.id, 'replaced', at)
  await cancelKeyDelivery(tx, old.id, at)
  return at
}

/** One rotation at a time: a forced one expires the new keys of the previous one that have not arrived. */
async function giveUp(tx: Tx, earlier: readonly Key[], at: number): Promise<Key[]> {
  const givenUp = earlier.filter(key => key.deliveredAt === null)
  for (const key of givenUp) {
    await markExpired(tx, key.id, 'undelivered', at)
    await cancelKeyDelivery(tx, key.id, at)
  }
  return givenUp
}
