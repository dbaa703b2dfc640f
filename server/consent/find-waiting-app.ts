import type { Provider } from 'oidc-provider'
import { type App, findApp, findListing, isPublic } from '../../apps-registry/find-app.ts'
import type { Database } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'

/**
 * The app that a consent page is about, by the page's path; nothing where there is no such page any more, or where the
 * app is no stranger's business.
 */
export async function findWaitingApp(database: Database, provider: Provider, path: string): Promise<App | undefined> {
  const [, slug] = /^\/interaction\/install\/([a-z0-9-]+)\/?(?:\?|$)/.exec(path) ?? []
  if (slug) return await database.read(tx => findListing(tx, slug, [])).catch(noneIfMissing)
  const [, uid] = /^\/interaction\/([\w-]+)\/?(?:\?|$)/.exec(path) ?? []
  const interaction = uid ? await provider.Interaction.find(uid) : undefined
  const appId = interaction?.params['client_id']
  const app = typeof appId === 'string' ? await database.read(tx => findApp(tx, appId)) : undefined
  return app && isPublic(app) ? app : undefined
}

function noneIfMissing(error: unknown): undefined {
  if (error instanceof AppError && error.code === 'object.not_found') return undefined
  throw error
}
