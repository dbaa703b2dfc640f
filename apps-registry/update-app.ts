import type { Tx } from '../db/connect.ts'
import type { Actor } from '../server/audit/actor.ts'
import { type Act, type Note, recordNotes } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { AppError } from '../server/base/errors.ts'
import { readLogo } from './app-details-store.ts'
import { sealClientSecret } from './app-secrets.ts'
import { type App, type Logo, lockApp, noteChangeSinceReview } from './app-store.ts'
import { findApp, isDraft } from './find-app.ts'
import { clearGoneAddress } from './gone-address.ts'
import { destinationActs, destinationOf } from './key-destination.ts'
import { refreshListing } from './listing-store.ts'
import { type Manifest, namesOf, without } from './manifest.ts'
import { insertVersion, updateApp as updateAppRow } from './registration-store.ts'
import { changesReviewed } from './review-mark.ts'

export type UpdateApp = {
  id: string
  client: Record<string, unknown>
  clientSecret: string | undefined
  manifest: Manifest
  jwks: unknown
  logo: Logo | undefined
  ip: string
}

/** Effects in rooms that this one may not import. */
export type UpdateHooks = {
  /** Removes permissions from installations. Returns what the log entry contains. */
  permissionsRemoved(app: App, removed: string[]): Promise<Note[]>
  /** Logs acts in the accounts with keys of the app. Returns those that the caller must log in this transaction. */
  logForKeyAccounts(appId: string, acts: readonly Act[]): Promise<string[]>
}

/**
 * Creates a new version of the manifest. Addresses and keys apply at once. If a published app asks for more, its approved
 * version stays on offer until the operator publishes the new one. A change of where keys go is logged in the accounts with
 * keys of the app. Throws `object.not_found`.
 */
export async function updateApp(
  tx: Tx,
  caps: Caps & { review: 'required' | 'off' },
  command: UpdateApp,
  hooks: UpdateHooks,
): Promise<{ app: App; removed: string[]; secretMade: boolean }> {
  const { clock, keyring, review } = caps
  const at = clock.now()
  await lockApp(tx, command.id)
  const before = await findApp(tx, command.id)
  if (!before || before.status === 'retired') throw new AppError('object.not_found')
  const logoBefore = await readLogo(tx, before.id)
  const removed = namesOf(before.manifest).filter(name => !namesOf(command.manifest).includes(name))
  const waits = review === 'required' && !isDraft(before) && asksForMore(before.manifest, command.manifest)
  const secretMade = before.clientSecret === null && command.clientSecret !== undefined
  await updateAppRow(tx, before.id, {
    client: command.client,
    // The secret may have been replaced since it was read, so it is only set or cleared here.
    clientSecret:
      before.clientSecret !== null && command.clientSecret !== undefined
        ? before.clientSecret
        : sealClientSecret(keyring, before.id, command.clientSecret),
    jwks: command.jwks,
    logo: command.logo,
    ...(await insertVersions(tx, before, command.manifest, { removed, waits, at })),
    at,
  })
  if (before.client.key_delivery_uri !== command.manifest.key_delivery_uri) await clearGoneAddress(tx, before.id)
  await refreshListing(tx, before.id)
  const app = await findApp(tx, before.id)
  if (!app) throw new AppError('object.not_found')
  const changed = changesReviewed({ app: before, logo: logoBefore }, { app, logo: command.logo })
  const lostMark = changed && (await noteChangeSinceReview(tx, app.id))
  const shrunk = removed.length > 0 ? await hooks.permissionsRemoved(app, removed) : []
  const actor: Actor = { type: 'platform', id: before.platform.id, ip: command.ip }
  const act = { actor, object: before.id, at }
  const moved = destinationActs(await destinationOf(before), await destinationOf(app), act)
  const told = moved.length > 0 ? await hooks.logForKeyAccounts(app.id, moved) : []
  const data = { version: app.latestVersion, waits_for_review: waits, ...(lostMark && { changed_since_review: true }) }
  const updated = { ...act, what: 'app.updated', data }
  const publisher = { accountIds: [before.platform.accountId], acts: [updated] }
  await recordNotes(tx, caps, [...shrunk, { accountIds: [...told, before.platform.accountId], acts: moved }, publisher])
  return { app, removed, secretMade }
}

/** Returns the current version and the latest. */
async function insertVersions(
  tx: Tx,
  before: App,
  manifest: Manifest,
  { removed, waits, at }: { removed: readonly string[]; waits: boolean; at: number },
): Promise<{ version: number; latestVersion: number }> {
  let { version, latestVersion } = before
  if (waits && removed.length > 0) {
    // A removed permission is also removed at once from the current version until the rest is approved.
    version = latestVersion += 1
    await insertVersion(tx, before.id, version, without(before.manifest, removed), at)
  }
  latestVersion += 1
  await insertVersion(tx, before.id, latestVersion, manifest, at)
  return { version: waits ? version : latestVersion, latestVersion }
}

function asksForMore(approved: Manifest, asked: Manifest): boolean {
  const known = new Set(namesOf(approved))
  return namesOf(asked).some(name => !known.has(name))
}
