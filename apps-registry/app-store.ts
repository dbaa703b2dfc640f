import { announce } from '../db/changes.ts'
import type { Tx } from '../db/connect.ts'
import type { AppStatus } from './app-states.ts'
import type { Manifest } from './manifest.ts'

/** One app, which is one OAuth client. */
export type App = {
  id: string
  platform: { id: string; name: string; accountId: string }
  slug: string
  status: AppStatus
  /** The version for new installations, and its manifest. */
  version: number
  manifest: Manifest
  latestVersion: number
  /** RFC 7591 metadata as last registered, without secrets. */
  client: Manifest & Record<string, unknown>
  /** Encrypted under the root secret. */
  clientSecret: string | null
  webhookSecret: string
  /** Replaced secrets, each with the time until which it signs, encrypted together; and the latest of those times. */
  previousWebhookSecrets: string | null
  previousWebhookSecretsUntil: number | null
  /** The last content of `jwks_uri`. */
  jwks: unknown
  /** When it was read. */
  jwksAt: number | null
  /** Whether the operator has published the app, and whether the reviewed content has changed since. */
  reviewed: 'never' | 'current' | 'changed'
  /** SHA-256 of the current registration access token; null if an earlier release issued it. */
  registrationToken: string | null
  hasLogo: boolean
  versionAt: number
  publishedAt: number | null
}

export type AppRow = {
  id: string
  platform_id: string
  platform_name: string
  platform_account_id: string
  slug: string
  status: AppStatus
  version: number
  latest_version: number
  client: string
  client_secret: string | null
  webhook_secret: string
  previous_webhook_secret: string | null
  previous_webhook_secret_until: number | null
  jwks: string | null
  jwks_at: number | null
  reviewed: App['reviewed']
  registration_token: string | null
  logo_type: string | null
  manifest: string
  version_at: number
  published_at: number | null
}

export const toApp = (row: AppRow): App => ({
  id: row.id,
  platform: { id: row.platform_id, name: row.platform_name, accountId: row.platform_account_id },
  slug: row.slug,
  status: row.status,
  version: row.version,
  manifest: JSON.parse(row.manifest),
  latestVersion: row.latest_version,
  client: JSON.parse(row.client),
  clientSecret: row.client_secret,
  webhookSecret: row.webhook_secret,
  previousWebhookSecrets: row.previous_webhook_secret,
  previousWebhookSecretsUntil: row.previous_webhook_secret_until,
  jwks: row.jwks === null ? undefined : JSON.parse(row.jwks),
  jwksAt: row.jwks_at,
  reviewed: row.reviewed,
  registrationToken: row.registration_token,
  hasLogo: row.logo_type !== null,
  versionAt: row.version_at,
  publishedAt: row.published_at,
})

/** All columns except the logo's bytes. */
const COLUMNS = [
  'id',
  'platform_id',
  'slug',
  'status',
  'version',
  'latest_version',
  'client',
  'client_secret',
  'webhook_secret',
  'previous_webhook_secret',
  'previous_webhook_secret_until',
  'jwks',
  'jwks_at',
  'reviewed',
  'registration_token',
  'logo_type',
  'published_at',
]

/** Apps with their publisher and current version. */
export const readApps = (tx: Tx) =>
  tx('apps')
    .join('platforms', 'platforms.id', 'apps.platform_id')
    .join('app_versions', join =>
      join.on('app_versions.app_id', 'apps.id').andOn('app_versions.number', 'apps.version'),
    )
    .select(
      ...COLUMNS.map(column => `apps.${column}`),
      'platforms.name as platform_name',
      'platforms.account_id as platform_account_id',
      'app_versions.manifest',
      'app_versions.created_at as version_at',
    )

export async function findAppBySlug(tx: Tx, slug: string): Promise<App | undefined> {
  const row: AppRow | undefined = await readApps(tx).where('apps.slug', slug).first()
  return row && toApp(row)
}

export type Logo = { type: string; bytes: Buffer }

/**
 * Locks the row until the transaction ends, so that two updates never create the same version. On PostgreSQL the lock still
 * allows references to the app: an event of its installation must not deadlock with this transaction.
 */
export async function lockApp(tx: Tx, id: string): Promise<void> {
  const query = tx('apps').where({ id })
  await (tx.client.config.client === 'pg' ? query.forNoKeyUpdate() : query).first('id')
}

/** Changes the state if it is one of `from`; returns whether it was. */
export async function moveApp(
  tx: Tx,
  id: string,
  from: readonly AppStatus[],
  to: AppStatus,
  at: number,
): Promise<boolean> {
  const times = to === 'published' ? { published_at: at } : to === 'retired' ? { retired_at: at } : {}
  const moved = await tx('apps')
    .where({ id })
    .whereIn('status', [...from])
    .update({ status: to, ...times })
  if (moved === 1) announce(tx, `app:${id}`)
  return moved === 1
}

/** An arbitrary number that no other lock in the database uses. */
const SLUG_LOCK = 5_284_237_019

/** Gives the app a slug unless another app has it. Concurrent calls wait until this transaction ends. */
export async function takeSlug(tx: Tx, id: string, slug: string): Promise<void> {
  if (tx.client.config.client === 'pg') await tx.raw(`select pg_advisory_xact_lock(${SLUG_LOCK})`)
  const taken = tx('apps as other').where('other.slug', slug).select('other.id')
  await tx('apps').where({ id }).whereNotExists(taken).update({ slug })
}

/** The operator publishes the latest version, which counts as reviewed from now on. */
export async function approveLatestVersion(tx: Tx, id: string): Promise<void> {
  await tx('apps')
    .where({ id })
    .update({ version: tx.ref('latest_version'), reviewed: 'current' })
}

/** The reviewed content has changed; an app that was never reviewed is not marked. Returns whether it was marked. */
export async function noteChangeSinceReview(tx: Tx, id: string): Promise<boolean> {
  return (await tx('apps').where({ id, reviewed: 'current' }).update({ reviewed: 'changed' })) === 1
}
