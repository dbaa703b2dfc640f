import type { Tx } from '../db/connect.ts'
import { type Actor, type Note, recordNotes } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { AppError } from '../server/base/errors.ts'
import { setGoneAddress } from './app-details-store.ts'
import { sealClientSecret } from './app-secrets.ts'
import { type App, findAppRow, insertVersion, type Logo, lockApp, updateApp as updateAppRow } from './app-store.ts'
import { isDraft } from './find-app.ts'
import type { Manifest } from './manifest.ts'

export type UpdateApp = {
  id: string
  client: Record<string, unknown>
  clientSecret: string | undefined
  manifest: Manifest
  jwks: unknown
  logo: Logo | undefined
  ip: string
}

/**
 * Makes a new version of the manifest. Addresses and keys count at once. An app that was published once and asks for more
 * goes on offering its approved version until the operator publishes the new one (PRODUCT rule 7). What must follow from
 * asking for less, in rooms that this one may not call, happens in `permissionsRemoved`, which answers what the logs say of it.
 */
export async function updateApp(
  tx: Tx,
  caps: Caps & { review: 'required' | 'off' },
  command: UpdateApp,
  permissionsRemoved: (app: App, removed: string[]) => Promise<Note[]>,
): Promise<{ app: App; removed: string[] }> {
  const { clock, keyring, review } = caps
  const at = clock.now()
  await lockApp(tx, command.id)
  const before = await findAppRow(tx, command.id)
  if (!before || before.status === 'retired') throw new AppError('object.not_found')
  const removed = namesOf(before.manifest).filter(name => !namesOf(command.manifest).includes(name))
  const waits = review === 'required' && !isDraft(before) && asksForMore(before.manifest, command.manifest)
  let { version, latestVersion } = before
  if (waits && removed.length > 0) {
    // What is asked for no longer counts at once also in what is offered until the rest is approved.
    version = latestVersion += 1
    await insertVersion(tx, before.id, version, without(before.manifest, removed), at)
  }
  latestVersion += 1
  await insertVersion(tx, before.id, latestVersion, command.manifest, at)
  if (!waits) version = latestVersion
  await updateAppRow(tx, before.id, {
    client: command.client,
    // What was read of the secret may be replaced by now: it is only made or cleared here.
    clientSecret:
      before.clientSecret !== null && command.clientSecret !== undefined
        ? before.clientSecret
        : sealClientSecret(keyring, before.id, command.clientSecret),
    jwks: command.jwks,
    logo: command.logo,
    version,
    latestVersion,
  })
  if (before.client.key_delivery_uri !== command.manifest.key_delivery_uri) await setGoneAddress(tx, before.id, null)
  const app = await findAppRow(tx, before.id)
  if (!app) throw new AppError('object.not_found')
  const notes = removed.length > 0 ? await permissionsRemoved(app, removed) : []
  const actor: Actor = { type: 'platform', id: before.platform.id, ip: command.ip }
  const data = { version: latestVersion, waits_for_review: waits }
  const updated = { actor, what: 'app.updated', object: before.id, at, data }
  await recordNotes(tx, caps, [...notes, { accountIds: [before.platform.accountId], acts: [updated] }])
  return { app, removed }
}

function namesOf(manifest: Manifest): string[] {
  return manifest.permissions.map(permission => permission.name)
}

function asksForMore(approved: Manifest, asked: Manifest): boolean {
  const known = new Set(namesOf(approved))
  return namesOf(asked).some(name => !known.has(name))
}

/** A manifest that asks for less; a managed key that would be left with nothing goes. */
function without(manifest: Manifest, removed: readonly string[]): Manifest {
  const left = (names: readonly string[]) => names.filter(name => !removed.includes(name))
  return {
    ...manifest,
    permissions: manifest.permissions.filter(({ name }) => !removed.includes(name)),
    managed_keys: manifest.managed_keys
      .map(key => (key.permissions ? { ...key, permissions: left(key.permissions) } : key))
      .filter(key => key.permissions?.length !== 0),
  }
}
