import { isDeepStrictEqual } from 'node:util'
import type { Database } from '../db/connect.ts'
import { AppError } from '../server/base/errors.ts'
import type { Outbound } from '../server/base/outbound.ts'
import { fetchJwks } from './check-manifest.ts'
import { type App, rememberJwks } from './find-app.ts'
import { parseJwks, type RecipientKey } from './recipient-key.ts'

type RecipientCaps = { database: Database; outbound: Outbound }

/**
 * The key that the app's managed keys are sealed to now. Reads `jwks_uri` anew, and falls back to what it held when it was
 * last read; so it may call the network and must stay outside a transaction. Throws `app.recipient_key`.
 */
export async function findRecipientKey(caps: RecipientCaps, app: App): Promise<RecipientKey> {
  const parsed = await currentJwks(caps, app)
  if (!parsed.fault) return parsed.recipient
  throw new AppError('app.recipient_key', {
    detail: 'The app offers no key to seal for. Nothing was made. Ask its publisher.',
  })
}

/** All ids of keys that could open what was sealed for the app; like `findRecipientKey` it may call the network. */
export async function recipientKids(caps: RecipientCaps, app: App): Promise<ReadonlySet<string>> {
  const parsed = await currentJwks(caps, app)
  return new Set(parsed.fault ? [] : parsed.keys.filter(key => key.use === 'enc').map(key => key.kid ?? ''))
}

async function currentJwks({ database, outbound }: RecipientCaps, app: App): ReturnType<typeof parseJwks> {
  const address = app.client.jwks_uri
  if (!address) return await parseJwks(app.client['jwks'], 'jwks')
  const parsed = await parseJwks(await fetchJwks(outbound, address), 'jwks_uri')
  if (parsed.fault) return await parseJwks(app.jwks, 'jwks_uri')
  const seen = { keys: parsed.keys }
  if (!isDeepStrictEqual(seen, app.jwks)) await database.transaction(tx => rememberJwks(tx, app.id, seen))
  return parsed
}
