import { isDeepStrictEqual } from 'node:util'
import type { App, Logo } from './app-store.ts'
import { namesOf, without } from './manifest.ts'

/** What pages show about an app's review; `off` shows nothing. */
export type ReviewMark = 'reviewed' | 'changed' | 'unreviewed' | 'off'

/**
 * A suspended app has no mark. The mark stands for what the operator published; a later change removes it until the operator
 * publishes again.
 */
export function reviewMark(app: App, review: 'required' | 'off'): ReviewMark {
  if (review === 'off' || app.status === 'suspended') return 'off'
  return ({ never: 'unreviewed', current: 'reviewed', changed: 'changed' } as const)[app.reviewed]
}

/** An app as a reviewer sees it. */
export type Reviewable = { app: App; logo: Logo | undefined }

/** Whether an update changed what was reviewed: names, texts, logo, addresses, keys, or more permissions. Fewer do not count. */
export function changesReviewed(before: Reviewable, after: Reviewable): boolean {
  const left = namesOf(after.app.manifest)
  const removed = namesOf(before.app.manifest).filter(name => !left.includes(name))
  return !isDeepStrictEqual(partsOf(before, removed), partsOf(after, []))
}

function partsOf({ app, logo }: Reviewable, removed: readonly string[]): unknown[] {
  const { client } = app
  const manifest = without(app.manifest, removed)
  return [
    manifest.client_name,
    manifest.tagline,
    manifest.description,
    manifest.categories,
    manifest.client_uri,
    manifest.policy_uri,
    manifest.tos_uri,
    manifest.permissions,
    manifest.managed_keys,
    client.redirect_uris,
    client.key_delivery_uri,
    client.install_uri,
    client.setup_uri,
    ...[client.jwks_uri, client['jwks'], logo?.type, logo?.bytes.toString('base64')],
  ]
}
