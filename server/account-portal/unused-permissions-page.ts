import type { App } from '../../apps-registry/find-app.ts'
import { type PermissionModel, permissionModels } from '../../apps-registry/listing-page.ts'
import type { Catalog } from '../base/catalog.ts'
import { counted, dateText } from '../http/format.ts'
import type { Installation } from '../installs/installation.ts'
import type { UnusedPermissions } from '../installs/unused-permissions.ts'

/** The part of an installation's page about unused permissions. */
export type UnusedPart = {
  /** A sentence about unused permissions; absent if they are listed. */
  useNote?: string
  /** Permissions unused for 30 days; `action` is absent for roles that may not remove them. */
  unused?: {
    permissions: PermissionModel[]
    lede: string
    /** Separated by spaces. */
    names: string
    notes: string[]
    action?: string
    button: string
  }
}

type UnusedInput = {
  installation: Installation
  app: App
  unused: UnusedPermissions
  catalog: Catalog
  mayManage: boolean
}

/** Never claims that a permission is unused for a time without counting. */
export function unusedPart({ installation, app, unused, catalog, mayManage }: UnusedInput): UnusedPart {
  if (!unused.known) {
    if (unused.because === 'idle') return {}
    const useNote =
      unused.because === 'young'
        ? `The use of permissions is recorded since ${dateText(unused.since)}. Those unused for 30 days appear here from ${dateText(unused.from)} on.`
        : 'Some calls in the last 30 days did not name a permission, so any permission may be in use.'
    return { useNote }
  }
  const { permissions, emptied } = unused
  if (permissions.length === 0) return { useNote: 'Every permission was used in the last 30 days.' }
  const name = app.manifest.client_name
  const one = permissions.length === 1
  return {
    unused: {
      permissions: permissionModels(catalog, app.manifest, permissions),
      lede: `No key of ${name} made a call that needs ${one ? 'this' : 'one of these'}.`,
      names: permissions.join(' '),
      notes: [
        `Its keys lose ${one ? 'it' : 'them'} at once, and ${name} is told. It can only get ${one ? 'it' : 'them'} back by asking you again.`,
        ...emptied.map(key => `The key “${key.name}” would have none left: it expires.`),
      ],
      ...(mayManage && { action: `/apps/${installation.id}/narrow` }),
      button: `Remove ${counted(permissions.length, 'permission')}`,
    },
  }
}
