import type { Tx } from '../db/connect.ts'
import type { Actor } from '../server/audit/actor.ts'
import { recordActivity } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { AppError } from '../server/base/errors.ts'
import { alphanumeric } from '../server/base/random.ts'
import { setClientSecret } from './app-details-store.ts'
import { sealClientSecret } from './app-secrets.ts'
import { lockApp } from './app-store.ts'
import { findApp } from './find-app.ts'
import { setRegistrationToken } from './registration-token.ts'

const LENGTH = 48

/** A new client secret of 285 bits. */
export function newClientSecret(random: Caps['random']): string {
  return alphanumeric(random, LENGTH)
}

/**
 * Replaces the client secret, shown once. The previous one is refused at once (an OAuth client has one secret), and so is the
 * registration access token, which may have leaked with it. Throws `app.no_secret` if the app authenticates with a key instead.
 */
export async function replaceClientSecret(
  tx: Tx,
  caps: Caps,
  command: { appId: string; actor: Actor },
): Promise<string> {
  const { clock, keyring, random } = caps
  const at = clock.now()
  await lockApp(tx, command.appId)
  const app = await findApp(tx, command.appId)
  if (!app) throw new AppError('object.not_found')
  if (app.clientSecret === null || app.status === 'retired')
    throw new AppError('app.no_secret', { detail: 'Nothing was changed: the app has no client secret.' })
  const secret = newClientSecret(random)
  const sealed = sealClientSecret(keyring, app.id, secret)
  if (sealed === null) throw new Error('a secret was not sealed')
  await setClientSecret(tx, app.id, sealed)
  await setRegistrationToken(tx, app.id, undefined)
  const act = { actor: command.actor, what: 'app.client_secret_replaced', object: app.id, at }
  await recordActivity(tx, caps, [app.platform.accountId], [act])
  return secret
}
