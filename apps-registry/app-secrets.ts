import type { SealedColumn } from '../db/sealed-columns.ts'
import type { Keyring } from '../server/base/keyring.ts'
import type { Random } from '../server/base/random.ts'
import type { App } from './app-store.ts'

const CLIENT_SECRET = 'client-secret'
const WEBHOOK_SECRET = 'webhook-secret'

const inApps = (column: string, purpose: string): SealedColumn => ({
  table: 'apps',
  column,
  key: ['id'],
  purpose,
  context: ({ id = '' }) => id,
})

export const SEALED_IN_APPS: readonly SealedColumn[] = [
  inApps('client_secret', CLIENT_SECRET),
  inApps('webhook_secret', WEBHOOK_SECRET),
  inApps('previous_webhook_secret', WEBHOOK_SECRET),
]

/** Encrypts a secret of an app under the root secret, bound to the app. */
export function sealClientSecret(keyring: Keyring, appId: string, secret: string | undefined): string | null {
  return secret === undefined ? null : keyring.encrypt(CLIENT_SECRET, appId, secret)
}

export function openClientSecret(keyring: Keyring, app: App): string | undefined {
  return app.clientSecret === null ? undefined : keyring.decrypt(CLIENT_SECRET, app.id, app.clientSecret)
}

/** A replaced webhook secret, and until when it still signs. */
export type PreviousSecret = { secret: string; until: number }

export function sealPreviousSecrets(keyring: Keyring, appId: string, previous: readonly PreviousSecret[]): string {
  return keyring.encrypt(WEBHOOK_SECRET, appId, JSON.stringify(previous))
}

/** Replaced secrets that still sign, the first to end first. */
export function openPreviousSecrets(keyring: Keyring, app: App, at: number): PreviousSecret[] {
  if (app.previousWebhookSecrets === null || (app.previousWebhookSecretsUntil ?? 0) <= at) return []
  const all: PreviousSecret[] = JSON.parse(keyring.decrypt(WEBHOOK_SECRET, app.id, app.previousWebhookSecrets))
  return all.filter(({ until }) => until > at)
}

export function sealWebhookSecret(keyring: Keyring, appId: string, secret: string): string {
  return keyring.encrypt(WEBHOOK_SECRET, appId, secret)
}

/** The secrets that sign deliveries to the app now, as `whsec_…` (Standard Webhooks): the current one, then replaced ones. */
export function openWebhookSecrets(keyring: Keyring, app: App, at: number): string[] {
  const previous = openPreviousSecrets(keyring, app, at).map(({ secret }) => secret)
  return [openWebhookSecret(keyring, app), ...previous.reverse()]
}

export function openWebhookSecret(keyring: Keyring, app: App): string {
  return keyring.decrypt(WEBHOOK_SECRET, app.id, app.webhookSecret)
}

/** A new webhook secret of 256 bits. */
export function newWebhookSecret(random: Random): string {
  return `whsec_${random.bytes(32).toString('base64')}`
}
