import { type App, findApp, isDraft, isInstallableIn, isKnownTo } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { type Membership, roleAllows } from '../accounts/roles.ts'
import type { Session } from '../accounts/sessions.ts'
import { AppError } from '../base/errors.ts'
import type { Mode } from '../base/mode.ts'
import { findInstalled } from '../installs/find-installation.ts'
import type { Installation } from '../installs/installation.ts'
import type { Key } from '../keys/find-keys.ts'
import { countKeptKeys, listKeptKeys } from '../keys/kept-keys.ts'
import { type KeyUse, readUse } from '../keys/read-usage.ts'

/** The request of a platform, or of a person on the marketplace. */
export type Asked = {
  appId: string
  /** Absent: the person may choose. */
  mode: Mode | undefined
  /** A subset of the manifest's permissions; absent: all. */
  permissions: string[] | undefined
}

/** The choices of the person so far. */
export type Chosen = { account?: string | undefined; mode?: string | undefined }

export type Consideration = {
  app: App
  permissions: string[]
  /** Accounts in which the person may install this app now. */
  accounts: Membership[]
  /** Those that are asked for, and of them those that the role allows there. */
  asked: Mode[]
  modes: Mode[]
  /** Where the app would be installed; absent if there is no such account. */
  target: { appId: string; accountId: string; accountName: string; mode: Mode } | undefined
  existing: Installation | undefined
  /** Kept keys of earlier installations in that account and mode: how many, when the last of them was kept, and some of them. */
  kept: { count: number; latest: number | null; listed: Key[] }
  /** The use of those keys. */
  useOf: (keyId: string) => KeyUse
}

/** Gathers what the consent page shows. Throws `object.not_found` if there is no such app. */
export async function considerInstall(
  tx: Tx,
  asked: Asked,
  chosen: Chosen,
  session: Session,
  at: number,
): Promise<Consideration> {
  const app = await findApp(tx, asked.appId)
  const memberOf = session.memberships.map(({ account }) => account.id)
  if (!app || app.status === 'retired' || !isKnownTo(app, memberOf)) throw new AppError('object.not_found')
  const offered: Mode[] = asked.mode ? [asked.mode] : ['live', 'test']
  const allowed = ({ role }: Membership) => offered.filter(mode => roleAllows(role, 'install', mode))
  const accounts = session.memberships.filter(
    membership => allowed(membership).length > 0 && isInstallableIn(app, membership.account.id),
  )
  const all = app.manifest.permissions.map(permission => permission.name)
  const permissions = asked.permissions ? all.filter(name => asked.permissions?.includes(name)) : all
  const membership =
    accounts.find(({ account }) => account.id === chosen.account) ??
    accounts.find(({ account }) => account.id === session.current.account.id) ??
    accounts[0]
  if (!membership) {
    const modes = offered
    const none = { target: undefined, existing: undefined, ...(await keptIn(tx, undefined, at)) }
    return { app, permissions, accounts, asked: offered, modes, ...none }
  }
  const modes = allowed(membership)
  const usual = isDraft(app) ? 'test' : 'live'
  const mode = [chosen.mode, asked.mode, usual].map(name => modes.find(value => value === name)).find(Boolean) ?? 'test'
  const target = { appId: app.id, accountId: membership.account.id, accountName: membership.account.name, mode }
  const existing = await findInstalled(tx, target)
  const kept = await keptIn(tx, existing ? undefined : { appId: app.id, accountId: target.accountId, mode }, at)
  return { app, permissions, accounts, asked: offered, modes, target, existing, ...kept }
}

/** The most kept keys that are listed with their use; the page counts the others. */
const LISTED = 20

async function keptIn(
  tx: Tx,
  target: Parameters<typeof countKeptKeys>[1] | undefined,
  at: number,
): Promise<Pick<Consideration, 'kept' | 'useOf'>> {
  const kept = target ? await countKeptKeys(tx, target, at) : { count: 0, latest: null }
  const listed = target && kept.count > 0 ? await listKeptKeys(tx, target, LISTED, at) : []
  const useOf = await readUse(
    tx,
    listed.map(key => key.id),
    at,
  )
  return { kept: { ...kept, listed }, useOf }
}
