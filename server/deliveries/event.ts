import { isoTime } from '../base/clock.ts'
import type { Mode } from '../base/mode.ts'
import type { EncryptedSecret } from '../keys/seal-key.ts'
import type { EventType } from './event-type.ts'

/** The installation; part of every event, so that each event is self-contained. */
export type EventInstallation = {
  id: string
  generation: number
  account_id: string
  account_name: string
  app_id: string
  mode: Mode
}

export type EventKey = {
  id: string
  name: string
  redacted: string
  permissions: string[]
  created_at: string
  expires_at: string | null
  replaces: string | null
}

export type EventDetails = {
  key?: EventKey
  encrypted_secret?: EncryptedSecret
  permissions?: string[]
  replaced?: { id: string; expires_at: string }
  keys?: { id: string; outcome: 'expired' | 'kept'; expires_at: string | null }[]
  /** If there are more keys than `keys` has: how many in all, and where the API lists the others. */
  keys_total?: number
  keys_url?: string
  reason?: string
}

/** The exact bytes of an event (docs/wire.md#deliveries); they are stored and sent unchanged with every attempt. */
export function eventBody(
  type: EventType,
  at: number,
  installation: EventInstallation,
  sequence: number,
  details: EventDetails,
): string {
  return JSON.stringify({ type, timestamp: isoTime(at), data: { installation, sequence, ...details } })
}

/** The body of a test delivery. It belongs to an app and no installation, so it has no sequence. */
export function pingBody(at: number, app: { id: string; name: string }): string {
  return JSON.stringify({ type: 'ping', timestamp: isoTime(at), data: { app_id: app.id, app_name: app.name } })
}

/** The key object of an event. */
export function eventKey(key: {
  id: string
  name: string
  redacted: string
  permissions: string[]
  createdAt: number
  expiresAt: number | null
  replaces: string | null
}): EventKey {
  return {
    id: key.id,
    name: key.name,
    redacted: key.redacted,
    permissions: key.permissions,
    created_at: isoTime(key.createdAt),
    expires_at: key.expiresAt === null ? null : isoTime(key.expiresAt),
    replaces: key.replaces,
  }
}
