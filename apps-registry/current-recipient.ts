import { isDeepStrictEqual } from 'node:util'
import type { JWK } from 'jose'
import type { Database, Tx } from '../db/connect.ts'
import { type Act, recordActivity } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { DAY, HOUR } from '../server/base/clock.ts'
import { AppError } from '../server/base/errors.ts'
import type { Outbound } from '../server/base/outbound.ts'
import { saveJwks } from './app-details-store.ts'
import { type App, lockApp } from './app-store.ts'
import { fetchJwks } from './check-manifest.ts'
import { findApp } from './find-app.ts'
import { destinationActs, destinationOf } from './key-destination.ts'
import { parseJwks, type RecipientKey } from './recipient-key.ts'

export type RecipientCaps = Caps & {
  database: Database
  outbound: Outbound
  /** Logs it in the accounts with keys of an app. Returns those that must be logged in this transaction. */
  logForKeyAccounts(tx: Tx, appId: string, acts: readonly Act[]): Promise<string[]>
}

/** How long the last known keys are used while `jwks_uri` does not respond (docs/client-keys.md). */
const SEEN_LAST = DAY
/** How often their last successful fetch is recorded. */
const SEEN_AGAIN = HOUR

/**
 * The key that the app's managed keys are sealed to. Reads `jwks_uri` and falls back to its last known content. It may call the
 * network, so it runs outside any transaction. Throws `app.recipient_key`.
 */
export async function findRecipientKey(caps: RecipientCaps, app: App): Promise<RecipientKey> {
  const parsed = await currentJwks(caps, app)
  if (!parsed.fault) return parsed.recipient
  throw new AppError('app.recipient_key', {
    detail: 'The app has no usable encryption key. Nothing was made. Ask its publisher.',
  })
}

/** The ids of all keys that can decrypt what was sealed for the app. Like `findRecipientKey` it may call the network. */
export async function recipientKids(caps: RecipientCaps, app: App): Promise<ReadonlySet<string>> {
  const parsed = await currentJwks(caps, app)
  return new Set(parsed.fault ? [] : parsed.keys.filter(key => key.use === 'enc').map(key => key.kid ?? ''))
}

async function currentJwks(caps: RecipientCaps, app: App): ReturnType<typeof parseJwks> {
  const address = app.client.jwks_uri
  if (!address) return await parseJwks(app.client['jwks'], 'jwks')
  const parsed = await parseJwks(await fetchJwks(caps.outbound, address), 'jwks_uri')
  const age = app.jwksAt === null ? Number.POSITIVE_INFINITY : caps.clock.now() - app.jwksAt
  if (parsed.fault) return age <= SEEN_LAST ? await parseJwks(app.jwks, 'jwks_uri') : parsed
  const seen = { keys: parsed.keys }
  if (age > SEEN_AGAIN || !isDeepStrictEqual(seen, app.jwks))
    await caps.database.transaction(tx => rememberJwks(tx, caps, { appId: app.id, address, seen }))
  return parsed
}

type Seen = { appId: string; address: string; seen: { keys: JWK[] } }

/**
 * Stores the current content of `jwks_uri`; if the recipient key has changed, logs that in the accounts with keys of the app.
 */
async function rememberJwks(tx: Tx, caps: RecipientCaps, { appId, address, seen }: Seen): Promise<void> {
  const at = caps.clock.now()
  await lockApp(tx, appId)
  const before = await findApp(tx, appId)
  if (before?.client.jwks_uri !== address) return // the address has changed meanwhile
  await saveJwks(tx, appId, seen, at)
  const act = { actor: { type: 'platform', id: before.platform.id, ip: '' } as const, object: appId, at }
  const after = await destinationOf({ ...before, jwks: seen })
  const moved = destinationActs(await destinationOf(before), after, act)
  if (moved.length === 0) return
  const accounts = [before.platform.accountId, ...(await caps.logForKeyAccounts(tx, appId, moved))]
  await recordActivity(tx, caps, accounts, moved)
}
