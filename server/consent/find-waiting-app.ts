import type { Provider } from 'oidc-provider'
import { type App, findApp, findListing, isPublic } from '../../apps-registry/find-app.ts'
import type { Database } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import { isOneLine } from '../base/one-line.ts'

/** The longest email address (RFC 5321 §4.5.3.1.3). */
const LONGEST_EMAIL = 254

/** The app of a consent page, and the person that the request suggests. */
export type Waiting = { app: App; loginHint?: string }

/**
 * The request that waits at the path of a consent page; undefined if it has ended, or the app is hidden from strangers.
 */
export async function findWaitingApp(
  database: Database,
  provider: Provider,
  path: string,
): Promise<Waiting | undefined> {
  const [, slug] = /^\/interaction\/install\/([a-z0-9-]+)\/?(?:\?|$)/.exec(path) ?? []
  if (slug) {
    const app = await database.read(tx => findListing(tx, slug, [])).catch(noneIfMissing)
    return app && { app }
  }
  const [, uid] = /^\/interaction\/([\w-]+)\/?(?:\?|$)/.exec(path) ?? []
  const interaction = uid ? await provider.Interaction.find(uid) : undefined
  const { client_id: appId, login_hint: hint } = interaction?.params ?? {}
  const app = typeof appId === 'string' ? await database.read(tx => findApp(tx, appId)) : undefined
  return app && isPublic(app) ? { app, ...(mayBeFilledIn(hint) && { loginHint: hint }) } : undefined
}

/** The hint is shown in the email field, so only a value without hidden characters is filled in. */
function mayBeFilledIn(hint: unknown): hint is string {
  return typeof hint === 'string' && hint.length <= LONGEST_EMAIL && isOneLine(hint)
}

function noneIfMissing(error: unknown): undefined {
  if (error instanceof AppError && error.code === 'object.not_found') return undefined
  throw error
}
