import { type App, findApp } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import { findInstallation } from '../installs/find-installation.ts'
import type { Installation } from '../installs/installation.ts'
import { requireId } from '../platform-api/caller.ts'

/** An app by its id. Throws `object.not_found`. */
export async function requireApp(tx: Tx, id: string): Promise<App> {
  const app = await findApp(tx, requireId('app', id))
  if (!app) throw new AppError('object.not_found')
  return app
}

/** An installation with its app. Throws `object.not_found`. */
export async function requireInstallation(tx: Tx, id: string): Promise<{ installation: Installation; app: App }> {
  const installation = await findInstallation(tx, requireId('ins', id))
  if (!installation) throw new AppError('object.not_found')
  return { installation, app: await requireApp(tx, installation.appId) }
}

/** The app of a row that refers to it. */
export function appOf(apps: ReadonlyMap<string, App>, id: string): App {
  const app = apps.get(id)
  if (!app) throw new Error(`app ${id} is missing`)
  return app
}
