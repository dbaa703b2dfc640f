import { type App, findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { findAccount } from '../accounts/find-account.ts'
import type { Caps } from '../base/caps.ts'
import { isoTime } from '../base/clock.ts'
import { type EventDetails, eventKey } from '../deliveries/event.ts'
import type { EventType } from '../deliveries/event-type.ts'
import { queueEvent } from '../deliveries/queue-event.ts'
import type { Key } from '../keys/find-keys.ts'
import { endToTell } from '../keys/key-states.ts'
import type { Installation } from './installation.ts'
import { nextSequence } from './installation-store.ts'

export type News = { type: EventType; details?: EventDetails; keyId?: string; sent?: boolean }

/** `managed_key.expired`; it carries no secret. */
export function keyExpiredNews(key: Key, at: number): News {
  return { type: 'managed_key.expired', details: { key: { ...eventKey(key), expires_at: isoTime(at) } } }
}

/** Queues events of one installation in order, each self-contained. */
export async function tellPlatform(
  tx: Tx,
  caps: Pick<Caps, 'clock' | 'ids'>,
  app: App,
  installation: Pick<Installation, 'id' | 'generation' | 'accountId' | 'mode'>,
  news: readonly News[],
): Promise<void> {
  const account = await findAccount(tx, installation.accountId)
  const told = {
    id: installation.id,
    generation: installation.generation,
    account_id: installation.accountId,
    account_name: account?.name ?? '',
    app_id: app.id,
    mode: installation.mode,
  }
  for (const { type, details = {}, keyId, sent = true } of news) {
    const sequence = await nextSequence(tx, installation.id)
    await queueEvent(tx, caps, { app, installation: told, type, sequence, details, sent, ...(keyId && { keyId }) })
  }
}

/**
 * Notifies the platform of a change of a managed key that has no event type of its own: an `installation.updated` with
 * the same permissions, the key with its current deadline, and the reason. An ended installation gets no event. Returns
 * the accounts concerned.
 */
export async function tellKeyNews(
  tx: Tx,
  caps: Pick<Caps, 'clock' | 'ids'>,
  key: Key,
  installation: Installation | undefined,
  reason: 'addresses_changed' | 'key_frozen' | 'key_unfrozen' | 'rotation_abandoned' | 'deadline_changed',
): Promise<string[]> {
  const app = installation && (await findApp(tx, installation.appId))
  if (!installation || !app) return [key.accountId]
  const details = {
    permissions: installation.permissions,
    key: eventKey({ ...key, expiresAt: endToTell(key, caps.clock.now()) }),
    reason,
  }
  if (installation.status !== 'uninstalled')
    await tellPlatform(tx, caps, app, installation, [{ type: 'installation.updated', details }])
  return [key.accountId, app.platform.accountId]
}
