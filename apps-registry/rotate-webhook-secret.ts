import type { Tx } from '../db/connect.ts'
import { type Actor, recordActivity } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { DAY } from '../server/base/clock.ts'
import { AppError } from '../server/base/errors.ts'
import { replaceWebhookSecret } from './app-details-store.ts'
import { newWebhookSecret, sealWebhookSecret } from './app-secrets.ts'
import { findAppRow, lockApp } from './app-store.ts'

/** How long the old secret signs along. */
const BOTH_SIGN = DAY

/** Makes a new webhook secret, shown once; for a day every delivery carries the signatures of both. */
export async function rotateWebhookSecret(
  tx: Tx,
  { clock, keyring, random }: Caps,
  command: { appId: string; actor: Actor },
): Promise<string> {
  const at = clock.now()
  await lockApp(tx, command.appId)
  const app = await findAppRow(tx, command.appId)
  if (!app) throw new AppError('object.not_found')
  const secret = newWebhookSecret(random)
  await replaceWebhookSecret(tx, app.id, sealWebhookSecret(keyring, app.id, secret), at + BOTH_SIGN)
  await recordActivity(
    tx,
    [app.platform.accountId],
    [{ actor: command.actor, what: 'app.webhook_secret_rotated', object: app.id, at }],
  )
  return secret
}
