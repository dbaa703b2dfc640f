import type { SealedColumn } from '../db/sealed-columns.ts'
import type { Keyring } from '../server/base/keyring.ts'
import type { Random } from '../server/base/random.ts'
import type { App } from './app-store.ts'

const CLIENT_SECRET = 'client-secret'
const WEBHOOK_SECRET = 'webhook-secret'

const inApps = (column: string, purpose: string): SealedColumn => ({
  ...{ table: 'apps', column, key: ['id'], purpose },
  context: ({ id = '' }) => id,
})

export const SEALED_IN_APPS: readonly SealedColumn[] = [
  inApps('client_secret', CLIENT_SECRET),
  inApps('webhook_secret', WEBHOOK_SECRET),
  inApps('previous_webhook_secret', WEBHOOK_SECRET),
]

/** An app's two secrets must be readable again, so they are encrypted under the root secret, bound to the app. */
export function sealClientSecret(keyring: Keyring, appId: string, secret: string | undefined): string | null {
  return secret === undefined ? null : keyring.encrypt(CLIENT_SECRET, appId, secret)
}

export function openClientSecret(keyring: Keyring, app: App): string | undefined {
  return app.clientSecret === null ? undefined : keyring.decrypt(CLIENT_SECRET, app.id, app.clientSecret)
}

export function sealWebhookSecret(keyring: Keyring, appId: string, secret: string): string {
  return keyring.encrypt(WEBHOOK_SECRET, appId, secret)
}

/** The secrets that sign deliveries to the app now, as `whsec_…` (Standard Webhooks): two while one replaces the other. */
export function openWebhookSecrets(keyring: Keyring, app: App, at: number): string[] {
  const previous = (app.previousWebhookSecretUntil ?? 0) > at ? app.previousWebhookSecret : null
  return [app.webhookSecret, previous].flatMap(sealed =>
    sealed === null ? [] : [keyring.decrypt(WEBHOOK_SECRET, app.id, sealed)],
  )
}

/** A new webhook secret of 256 bits. */
export function newWebhookSecret(random: Random): string {
  return `whsec_${random.bytes(32).toString('base64')}`
}
