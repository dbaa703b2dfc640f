import type { z } from 'zod'
import type { App } from '../../apps-registry/find-app.ts'
import { isoTime } from '../base/clock.ts'
import type { EventRow } from '../deliveries/event-feed.ts'
import type { DeliveryWithAttempts } from '../deliveries/list-deliveries.ts'
import type { Installation } from '../installs/installation.ts'
import { asJudged } from '../installs/installation-states.ts'
import type { Key } from '../keys/find-keys.ts'
import { endOf, statusAt } from '../keys/key-states.ts'
import type { EncryptedSecret } from '../keys/seal-key.ts'
import type * as schemas from './api-schemas.ts'

export const timeOrNull = (at: number | null): string | null => (at === null ? null : isoTime(at))

export function installationObject(found: Installation, app: App): z.infer<typeof schemas.Installation> {
  const installation = asJudged(found, app.status)
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

/** A key that is being replaced is active until the new key is delivered; then it expires at the end of the overlap. */
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
    frozen: key.frozenAt !== null,
    created_at: isoTime(key.createdAt),
    expires_at: timeOrNull(endOf(key)),
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

/** An event as it was sent, without the secret of a key that has more permissions than the token was granted. */
export function eventObject(event: EventRow, granted: readonly string[] | undefined): z.infer<typeof schemas.Event> {
  type Data = { key?: { permissions: string[] }; encrypted_secret?: unknown; [member: string]: unknown }
  const body: { type: string; timestamp: string; data: Data } = JSON.parse(event.body)
  const { encrypted_secret: sealed, ...data } = body.data
  const mayHave = granted === undefined || (data.key?.permissions ?? []).every(name => granted.includes(name))
  return sealed === undefined || mayHave ? { id: event.id, ...body } : { id: event.id, ...body, data }
}
