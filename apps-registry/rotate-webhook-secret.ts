import type { Tx } from '../db/connect.ts'
import type { Actor } from '../server/audit/actor.ts'
import { recordActivity } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { DAY, SECOND } from '../server/base/clock.ts'
import { AppError } from '../server/base/errors.ts'
import { replaceWebhookSecret } from './app-details-store.ts'
import {
  newWebhookSecret,
  openPreviousSecrets,
  openWebhookSecret,
  sealPreviousSecrets,
  sealWebhookSecret,
} from './app-secrets.ts'
import { lockApp } from './app-store.ts'
import { findApp } from './find-app.ts'
import { setRegistrationToken } from './registration-token.ts'

/** How long a replaced secret still signs. */
const BOTH_SIGN = DAY
/** How many replaced secrets may sign, so that the header stays short. */
const MOST = 10

/**
 * Makes a new webhook secret, shown once; for a day every delivery is signed with both. Each replaced secret signs for a day,
 * however often this is repeated. Throws `request.rate_limited` if too many still sign.
 */
export async function rotateWebhookSecret(
  tx: Tx,
  caps: Caps,
  command: {
    appId: string
    actor: Actor
    /** A person rotates it, perhaps after a leak: the registration access token is revoked too. */
    endsRegistrationToken?: boolean
  },
): Promise<string> {
  const { clock, keyring, random } = caps
  const at = clock.now()
  await lockApp(tx, command.appId)
  const app = await findApp(tx, command.appId)
  if (!app) throw new AppError('object.not_found')
  const until = at + BOTH_SIGN
  const before = openPreviousSecrets(keyring, app, at)
  if (before.length >= MOST && before[0])
    throw new AppError('request.rate_limited', { retryAfter: Math.ceil((before[0].until - at) / SECOND) })
  const secret = newWebhookSecret(random)
  const previous = [...before, { secret: openWebhookSecret(keyring, app), until }]
  const sealed = sealPreviousSecrets(keyring, app.id, previous)
  await replaceWebhookSecret(tx, app.id, sealWebhookSecret(keyring, app.id, secret), { sealed, until })
  if (command.endsRegistrationToken) await setRegistrationToken(tx, app.id, undefined)
  await recordActivity(
    tx,
    caps,
    [app.platform.accountId],
    [{ actor: command.actor, what: 'app.webhook_secret_rotated', object: app.id, at }],
  )
  return secret
}
