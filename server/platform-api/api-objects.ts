import type { z } from 'zod'
import { isoTime } from '../base/clock.ts'
import type { EventRow } from '../deliveries/event-feed.ts'
import type { DeliveryWithAttempts } from '../deliveries/list-deliveries.ts'
import type { Installation } from '../installs/find-installation.ts'
import type { Key } from '../keys/find-keys.ts'
import { deadlineOf, statusAt } from '../keys/key-states.ts'
import type { EncryptedSecret } from '../keys/seal-key.ts'
import type * as schemas from './api-schemas.ts'

const timeOrNull = (at: number | null): string | null => (at === null ? null : isoTime(at))

export function installationObject(installation: Installation): z.infer<typeof schemas.Installation> {
  return {
    id: installation.id,
    app_id: installation.appId,
    account_id: installation.accountId,
    mode: installation.mode,
    status: installation.status,
    generation: installation.generation,
    permissions: installation.permissions,
    suspended_by: installation.suspendedBy,
    created_at: isoTime(installation.createdAt),
    uninstalled_at: timeOrNull(installation.uninstalledAt),
  }
}

/** A key that is being replaced tells the end that is planned; it counts once the new key has arrived. */
export function keyObject(key: Key, now: number): z.infer<typeof schemas.Key> {
  return {
    id: key.id,
    type: key.kind,
    installation_id: key.installationId,
    name: key.name,
    redacted: key.redacted,
    mode: key.mode,
    permissions: key.permissions,
    status: statusAt(key, now),
    created_at: isoTime(key.createdAt),
    expires_at: timeOrNull(key.expiredAt ?? deadlineOf(key) ?? key.overlapUntil),
    delivered_at: timeOrNull(key.deliveredAt),
    last_used_at: timeOrNull(key.lastUsedAt),
    replaces: key.replaces,
    note: key.note,
  }
}

export function newKeyObject(key: Key, sealed: EncryptedSecret, now: number): z.infer<typeof schemas.NewKey> {
  return { ...keyObject(key, now), encrypted_secret: sealed }
}

export function deliveryObject(delivery: DeliveryWithAttempts): z.infer<typeof schemas.Delivery> {
  return {
    id: delivery.id,
    event_id: delivery.event_id,
    type: delivery.type,
    installation_id: delivery.installation_id,
    status: delivery.status,
    attempts: delivery.log.map(({ at, status, ms, error }) => ({ at: isoTime(at), status, ms, error })),
  }
}

export function eventObject(event: EventRow): z.infer<typeof schemas.Event> {
  const body: { type: string; timestamp: string; data: Record<string, unknown> } = JSON.parse(event.body)
  return { id: event.id, ...body }
}
