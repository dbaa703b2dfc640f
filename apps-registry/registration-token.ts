import type { Tx } from '../db/connect.ts'
import type { Actor } from '../server/audit/actor.ts'
import { recordActivity } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { AppError } from '../server/base/errors.ts'
import { type App, lockApp } from './app-store.ts'
import { findApp } from './find-app.ts'

/** In place of a token hash: the last token was revoked and none was issued since. */
const NO_TOKEN = 'ended'

/** Whether a registration access token, by its SHA-256, is the app's current one. */
export async function countsAsRegistrationToken(tx: Tx, appId: string, tokenHash: string): Promise<boolean> {
  const app = await findApp(tx, appId)
  return app !== undefined && (app.registrationToken === null || app.registrationToken === tokenHash)
}

/** `token`: the SHA-256 of the new registration access token; undefined revokes the current one. */
export async function setRegistrationToken(tx: Tx, id: string, token: string | undefined): Promise<void> {
  await tx('apps')
    .where({ id })
    .update({ registration_token: token ?? NO_TOKEN })
}

/** Whether the app has a registration access token. */
export function hasRegistrationToken(app: App): boolean {
  return app.registrationToken !== NO_TOKEN
}

/** Replaces the registration access token of an app with one that `issue` makes in this transaction. Throws `app.retired`. */
export async function replaceRegistrationToken(
  tx: Tx,
  caps: Caps,
  command: { appId: string; actor: Actor; issue: (appId: string) => Promise<string> },
): Promise<string> {
  const app = await lockLivingApp(tx, command.appId)
  const token = await command.issue(app.id)
  await record(tx, caps, app, command.actor, 'app.registration_token_issued')
  return token
}

/** Revokes the registration access token: until another one is issued, only the portal can change the registration. */
export async function endRegistrationToken(
  tx: Tx,
  caps: Caps,
  command: { appId: string; actor: Actor },
): Promise<void> {
  const app = await lockLivingApp(tx, command.appId)
  if (!hasRegistrationToken(app)) return
  await setRegistrationToken(tx, app.id, undefined)
  await record(tx, caps, app, command.actor, 'app.registration_token_ended')
}

async function lockLivingApp(tx: Tx, appId: string): Promise<App> {
  await lockApp(tx, appId)
  const app = await findApp(tx, appId)
  if (!app) throw new AppError('object.not_found')
  if (app.status === 'retired')
    throw new AppError('app.retired', { detail: 'Nothing was changed: the app is retired.' })
  return app
}

async function record(tx: Tx, caps: Caps, app: App, actor: Actor, what: string): Promise<void> {
  await recordActivity(tx, caps, [app.platform.accountId], [{ actor, what, object: app.id, at: caps.clock.now() }])
}
