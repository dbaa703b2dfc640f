import type { Tx } from '../db/connect.ts'
import type { AppStatus } from './app-states.ts'
import type { Logo } from './app-store.ts'
import type { Manifest } from './manifest.ts'

export type NewApp = {
  id: string
  platformId: string
  slug: string
  status: AppStatus
  client: Record<string, unknown>
  clientSecret: string | null
  webhookSecret: string
  jwks: unknown
  logo: Logo | undefined
  at: number
}

/** False if the slug is taken; nothing is inserted then. */
export async function insertApp(tx: Tx, app: NewApp): Promise<boolean> {
  const row = {
    id: app.id,
    platform_id: app.platformId,
    slug: app.slug,
    status: app.status,
    version: 1,
    latest_version: 1,
    client: JSON.stringify(app.client),
    client_secret: app.clientSecret,
    webhook_secret: app.webhookSecret,
    ...jwksColumns(app.jwks, app.at),
    ...logoColumns(app.logo),
    created_at: app.at,
    published_at: app.status === 'published' ? app.at : null,
  }
  const rows = await tx('apps').insert(row).onConflict('slug').ignore().returning('id')
  return rows.length === 1
}

/** How many versions of an app are kept besides the current one. */
const MOST_VERSIONS = 100

/** Adds a version and deletes the oldest beyond `MOST_VERSIONS`. */
export async function insertVersion(
  tx: Tx,
  appId: string,
  number: number,
  manifest: Manifest,
  at: number,
): Promise<void> {
  await tx('app_versions').insert({ app_id: appId, number, manifest: JSON.stringify(manifest), created_at: at })
  await tx('app_versions')
    .where({ app_id: appId })
    .where('number', '<=', number - MOST_VERSIONS)
    .whereNotIn('number', tx('apps').where({ id: appId }).select('version'))
    .delete()
}

export type AppChange = {
  client: Record<string, unknown>
  clientSecret: string | null
  jwks: unknown
  logo: Logo | undefined
  version: number
  latestVersion: number
  at: number
}

export async function updateApp(tx: Tx, id: string, change: AppChange): Promise<void> {
  await tx('apps')
    .where({ id })
    .update({
      client: JSON.stringify(change.client),
      client_secret: change.clientSecret,
      ...jwksColumns(change.jwks, change.at),
      ...logoColumns(change.logo),
      version: change.version,
      latest_version: change.latestVersion,
    })
}

const jwksColumns = (jwks: unknown, at: number) =>
  jwks === undefined ? { jwks: null, jwks_at: null } : { jwks: JSON.stringify(jwks), jwks_at: at }

const logoColumns = (logo: Logo | undefined) => ({ logo: logo?.bytes ?? null, logo_type: logo?.type ?? null })
