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
  /** The version that new installations are asked for, and its manifest. */
  version: number
  manifest: Manifest
  latestVersion: number
  /** RFC 7591 metadata as last registered, without secrets. */
  client: Manifest & Record<string, unknown>
  /** Encrypted under the root secret. */
  clientSecret: string | null
  webhookSecret: string
  /** Those before, each with the time until which it signs along, encrypted together; and the last of those times. */
  previousWebhookSecrets: string | null
  previousWebhookSecretsUntil: number | null
  /** The last content of `jwks_uri`. */
  jwks: unknown
  /** When that was. */
  jwksAt: number | null
  /** Whether the operator has published the app, and whether what was reviewed then has changed since. */
  reviewed: 'never' | 'current' | 'changed'
  /** SHA-256 of the registration access token that counts; `null` where it was issued by an earlier release. */
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

/** All but the logo's bytes. */
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

/** Apps with their publisher and the version that counts. */
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
 * Locks the row until the transaction ends, so that two updates never create the same version. On PostgreSQL in a mode that
 * still allows references to the app: an event of its installation must not deadlock with this transaction.
 */
export async function lockApp(tx: Tx, id: string): Promise<void> {
  const query = tx('apps').where({ id })
  await (tx.client.config.client === 'pg' ? query.forNoKeyUpdate() : query).first('id')
}

/** Moves the app to another state if it is in one of `from`; returns whether it was. */
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

/** Any number that nothing else in the database locks. */
const SLUG_LOCK = 5_284_237_019

/** Gives the app a slug, unless another app has it. Concurrent requests for it wait until this transaction ends. */
export async function takeSlug(tx: Tx, id: string, slug: string): Promise<void> {
  if (tx.client.config.client === 'pg') await tx.raw(`select pg_advisory_xact_lock(${SLUG_LOCK})`)
  const taken = tx('apps as other').where('other.slug', slug).select('other.id')
  await tx('apps').where({ id }).whereNotExists(taken).update({ slug })
}

/** The operator publishes what there is: it counts from now on as reviewed. */
export async function approveLatestVersion(tx: Tx, id: string): Promise<void> {
  await tx('apps')
    .where({ id })
    .update({ version: tx.ref('latest_version'), reviewed: 'current' })
}

/** What was reviewed is there no more; an app that was never reviewed stays so. */
export async function noteChangeSinceReview(tx: Tx, id: string): Promise<boolean> {
  return (await tx('apps').where({ id, reviewed: 'current' }).update({ reviewed: 'changed' })) === 1
}
