import { findRecipientKey, type RecipientCaps } from '../../apps-registry/current-recipient.ts'
import { type App, findApp } from '../../apps-registry/find-app.ts'
import { namesOf } from '../../apps-registry/manifest.ts'
import type { RecipientKey } from '../../apps-registry/recipient-key.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAccount } from '../accounts/find-people.ts'
import type { Outsider } from '../audit/actor.ts'
import { AppError } from '../base/errors.ts'
import type { Mode } from '../base/mode.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import { installApp } from './install-app.ts'
import type { Installation } from './installation.ts'

export type InstallCaps = RecipientCaps & MintCaps

export type InstallFor = {
  mode: Mode
  /** A subset of the manifest's; absent: all. */
  permissions: readonly string[] | undefined
  kept: 'leave' | 'expire' | undefined
  actor: Outsider
}

export type Prepared = { app: App; recipient: RecipientKey | undefined; permissions: string[] }

/** What became of one account of many. */
export type Installed = { account: string; installation: Installation } | { account: string; error: AppError }

/**
 * Loads an app and its encryption key, which may call the network: outside any transaction. Throws `object.not_found`,
 * `app.recipient_key`, and `request.invalid` for permissions outside the manifest.
 */
export async function prepareInstall(
  caps: InstallCaps,
  appId: string,
  asked: InstallFor['permissions'],
): Promise<Prepared> {
  const app = await caps.database.read(tx => findApp(tx, appId))
  if (!app) throw new AppError('object.not_found', { detail: 'There is no such app.' })
  const all = namesOf(app.manifest)
  const outside = (asked ?? []).filter(name => !all.includes(name))
  if (outside.length > 0)
    throw new AppError('request.invalid', {
      faults: [{ field: 'permissions', message: `must be among those of the app: ${all.join(', ')}` }],
    })
  const permissions = asked ? all.filter(name => asked.includes(name)) : all
  const recipient = app.manifest.managed_keys.length > 0 ? await findRecipientKey(caps, app) : undefined
  return { app, recipient, permissions }
}

/**
 * Installs a prepared app in an account, by its id or as `external:ID`, without asking its members. Throws what `installApp` throws, and
 * `object.not_found` for an unknown account.
 */
export async function installFor(
  tx: Tx,
  caps: InstallCaps,
  { app, recipient, permissions }: Prepared,
  command: InstallFor & { account: string },
): Promise<{ installation: Installation; created: boolean }> {
  const { mode, kept, actor } = command
  const account = await requireAccount(tx, command.account).catch(error => {
    if (!(error instanceof AppError)) throw error
    throw new AppError(error.code, { detail: 'There is no such account.' })
  })
  const target = { appId: app.id, accountId: account.id, mode }
  return await installApp(tx, caps, { ...target, permissions, version: app.version, recipient, kept, actor })
}

/** Installs a prepared app in many accounts, each in a transaction of its own: one that is refused does not stop the others. */
export async function installForAccounts(
  caps: InstallCaps,
  prepared: Prepared,
  command: InstallFor & { accounts: readonly string[] },
): Promise<Installed[]> {
  const results: Installed[] = []
  for (const account of command.accounts) {
    try {
      const { installation } = await caps.database.transaction(tx =>
        installFor(tx, caps, prepared, { ...command, account }),
      )
      results.push({ account, installation })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      results.push({ account, error })
    }
  }
  return results
}
