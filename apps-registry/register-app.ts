import type { Tx } from '../db/connect.ts'
import { requireAbility } from '../server/accounts/roles.ts'
import type { Actor } from '../server/audit/actor.ts'
import { recordActivity } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { AppError } from '../server/base/errors.ts'
import { alphanumeric } from '../server/base/random.ts'
import { newWebhookSecret, sealClientSecret, sealWebhookSecret } from './app-secrets.ts'
import { draftScope } from './app-states.ts'
import type { Logo } from './app-store.ts'
import { refreshListing } from './listing-store.ts'
import type { Manifest } from './manifest.ts'
import { findPlatformRow } from './platform-store.ts'
import { insertApp, insertVersion } from './registration-store.ts'

export type RegisterApp = {
  id: string
  platformId: string
  /** RFC 7591 metadata as accepted by the authorization server, without the secret. */
  client: Record<string, unknown>
  clientSecret: string | undefined
  manifest: Manifest
  /** The content of `jwks_uri`. */
  jwks: unknown
  logo: Logo | undefined
  ip: string
  /** The member who registers it on our pages; undefined if the platform's own tools do. */
  actor?: Actor | undefined
}

/** Creates a draft (or, without review, a published app) from a checked manifest; returns the webhook secret, once. */
export async function registerApp(
  tx: Tx,
  caps: Caps & { review: 'required' | 'off' },
  command: RegisterApp,
): Promise<{ status: 'draft' | 'published'; webhookSecret: string }> {
  const at = caps.clock.now()
  const platform = await findPlatformRow(tx, command.platformId)
  if (!platform) throw new AppError('object.not_found')
  const webhookSecret = newWebhookSecret(caps.random)
  const status = caps.review === 'off' ? 'published' : 'draft'
  if (command.actor) await requireAbility(tx, command.actor.id, platform.accountId, 'publish', draftScope(status))
  const row = {
    id: command.id,
    platformId: platform.id,
    status,
    client: command.client,
    clientSecret: sealClientSecret(caps.keyring, command.id, command.clientSecret),
    webhookSecret: sealWebhookSecret(caps.keyring, command.id, webhookSecret),
    jwks: command.jwks,
    logo: command.logo,
    at,
  } as const
  const slug = slugOf(command.manifest.client_name)
  const withRandomEnd = () => `${slug}-${alphanumeric(caps.random, 5).toLowerCase()}`
  // A draft never has the plain slug, so that slugs do not reveal drafts' names; publishing assigns it.
  let inserted = await insertApp(tx, { ...row, slug: status === 'draft' ? withRandomEnd() : slug })
  while (!inserted) inserted = await insertApp(tx, { ...row, slug: withRandomEnd() })
  await insertVersion(tx, command.id, 1, command.manifest, at)
  await refreshListing(tx, command.id)
  const actor: Actor = command.actor ?? { type: 'platform', id: platform.id, ip: command.ip }
  await recordActivity(
    tx,
    caps,
    [platform.accountId],
    [
      {
        actor,
        what: 'app.registered',
        object: command.id,
        at,
        data: { name: command.manifest.client_name, version: 1 },
      },
    ],
  )
  return { status, webhookSecret }
}

/** An app's name as part of its marketplace address. */
export function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{Mark}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replace(/^-+|-+$/g, '')
  return slug || 'app'
}
