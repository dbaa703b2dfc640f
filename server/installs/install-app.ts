import { type App, findApp, isInstallableIn, isKnownTo, lockAppShared } from '../../apps-registry/find-app.ts'
import { keyPermissions } from '../../apps-registry/manifest.ts'
import type { RecipientKey } from '../../apps-registry/recipient-key.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import type { Outsider, Person } from '../audit/actor.ts'
import { recordNotes } from '../audit/record-activity.ts'
import { AppError } from '../base/errors.ts'
import type { Mode } from '../base/mode.ts'
import { eventKey } from '../deliveries/event.ts'
import { markToExpireWith } from '../keys/expire-keys.ts'
import { countKeptKeys } from '../keys/kept-keys.ts'
import { type MintCaps, mintManagedKey } from '../keys/mint-key.ts'
import { expireKeysOfBefore } from './expire-keys-of-before.ts'
import { findInstalled } from './find-installation.ts'
import { approveRequests } from './install-requests.ts'
import type { Installation, InstallTarget, NewInstallation } from './installation.ts'
import { insertInstallation, lastGeneration } from './installation-store.ts'
import { type News, tellPlatform } from './tell-platform.ts'

export type InstallApp = {
  appId: string
  accountId: string
  mode: Mode
  /** A subset of the manifest's permissions, in the manifest's order. */
  permissions: string[]
  /** The version shown on the consent page. */
  version: number
  /** The app's public key, read before the transaction; undefined if the app has no managed keys. */
  recipient: RecipientKey | undefined
  /** What happens to kept keys of an earlier installation; required if there are any. */
  kept: 'leave' | 'expire' | undefined
  /** A person needs the ability in the account; a program of the operator does not. */
  actor: Person | Outsider
}

/**
 * Installs an app in an account: the installation, its keys, the queued deliveries and the activity are committed together. If
 * the app is already installed, returns that installation and mints nothing.
 */
export async function installApp(
  tx: Tx,
  caps: MintCaps,
  command: InstallApp,
): Promise<{ installation: Installation; created: boolean }> {
  const at = caps.clock.now()
  const { actor } = command
  if (actor.type === 'user') await requireAbility(tx, actor.id, command.accountId, 'install', command.mode)
  await lockAppShared(tx, command.appId)
  const app = await findApp(tx, command.appId)
  if (!app || !isKnownTo(app, [command.accountId])) throw new AppError('object.not_found')
  if (!isInstallableIn(app, command.accountId)) throw new AppError('app.not_installable', { detail: NOT_INSTALLABLE })
  const existing = await findInstalled(tx, command)
  if (existing) return { installation: existing, created: false }
  if (app.version !== command.version) throw new AppError('app.changed', { detail: CHANGED_MEANWHILE })

  const kept = await countKeptKeys(tx, command, at)
  if (kept.count > 0 && command.kept === undefined) throw new AppError('consent.kept_unanswered')
  const installation = await insertNew(tx, caps, app, command)
  if (!installation) return { installation: await winner(tx, command), created: false }

  if (command.kept === 'expire') await markToExpireWith(tx, command, installation.id)
  const ended = installation.status === 'active' ? await expireKeysOfBefore(tx, caps, installation.id) : 0 // its platform receives no deliveries
  const keys = await mintKeys(tx, caps, app, installation, command.recipient)
  await tellPlatform(tx, caps, app, installation, [
    { type: 'installation.created', details: { permissions: installation.permissions } },
    ...keys,
  ])
  const approved = await approveRequests(tx, caps, { ...command, app })
  const data = {
    app: app.id,
    mode: installation.mode,
    generation: installation.generation,
    keys: keys.length,
    ...(ended > 0 && { expired: ended }),
    permissions: installation.permissions,
  }
  const created = { actor: command.actor, what: 'installation.created', object: installation.id, at, data }
  await recordNotes(tx, caps, [
    { accountIds: [command.accountId, app.platform.accountId], acts: [created] },
    { accountIds: [command.accountId], acts: approved },
  ])
  return { installation, created: true }
}

const NOT_INSTALLABLE = 'Nothing was installed. The app is not published, or it was suspended or retired.'
const CHANGED_MEANWHILE =
  'Nothing was installed. The app has changed what it asks for since you opened the page. Open it again and read it once more.'

async function insertNew(
  tx: Tx,
  { clock, ids }: MintCaps,
  app: App,
  command: InstallApp,
): Promise<Installation | undefined> {
  const waits = app.client.key_delivery_uri !== undefined // true: waits for the platform to acknowledge
  const row: NewInstallation = {
    id: ids.next('ins'),
    appId: app.id,
    accountId: command.accountId,
    mode: command.mode,
    status: waits ? 'installing' : 'active',
    generation: (await lastGeneration(tx, command)) + 1,
    version: app.version,
    permissions: command.permissions,
    installedBy: command.actor.id,
    createdAt: clock.now(),
  }
  return (await insertInstallation(tx, row))
    ? { ...row, suspendedBy: [], activatedAt: null, uninstalledAt: null, uninstallReason: null }
    : undefined
}

/** Of two concurrent installs the second returns the installation of the first. */
async function winner(tx: Tx, target: InstallTarget): Promise<Installation> {
  const installation = await findInstalled(tx, target)
  if (!installation)
    throw new AppError('installation.ended', {
      detail: 'Nothing was installed: the app was uninstalled at the same time. Try again.',
    })
  return installation
}

/** Mints the app's managed keys for an installation, or only those in `names`. */
export async function mintKeys(
  tx: Tx,
  caps: MintCaps,
  app: App,
  installation: Installation,
  recipient: RecipientKey | undefined,
  only?: ReadonlySet<string>,
): Promise<News[]> {
  const news: News[] = []
  for (const { name, permissions } of keyPermissions(app.manifest, installation.permissions)) {
    if (permissions.length === 0 || (only && !only.has(name))) continue
    if (!recipient) throw new AppError('app.recipient_key')
    const { key, sealed } = await mintManagedKey(tx, caps, { installation, name, permissions, recipient })
    news.push({ type: 'managed_key.created', details: { key: eventKey(key), encrypted_secret: sealed }, keyId: key.id })
  }
  return news
}
