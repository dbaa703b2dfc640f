import type { App } from '../../apps-registry/find-app.ts'
import type { AppBadge } from '../http/page-parts.ts'
import type { Key } from '../keys/find-keys.ts'
import { managerOf } from './key-row-page.ts'

/** A key as shown above the confirmation of an act. */
export type ShownKey = { name: string; redacted: string; managedBy: AppBadge; byPerson: boolean; note: string }

export function shownKey(key: Key, app: App | undefined, maker: string): ShownKey {
  const { badge, byPerson } = managerOf(key, app, maker)
  const managed =
    key.keptAt === null
      ? `Managed by ${badge.name}, which stays installed.`
      : `Kept after ${badge.name} was uninstalled.`
  const note = byPerson ? `A restricted key in ${key.mode} mode, made by ${badge.name}.` : managed
  return { name: key.name, redacted: key.redacted, managedBy: badge, byPerson, note }
}
