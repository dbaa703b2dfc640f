import type { Tx } from '../db/connect.ts'
import type { Actor } from '../server/audit/actor.ts'
import { recordActivity } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { AppError } from '../server/base/errors.ts'
import { APP_TRANSITIONS, type AppVerb } from './app-states.ts'
import { type App, approveLatestVersion, lockApp, moveApp as moveAppRow, takeSlug } from './app-store.ts'
import { findApp, isPublic } from './find-app.ts'
import { refreshListing } from './listing-store.ts'
import { slugOf } from './register-app.ts'

export type MoveApp = {
  id: string
  verb: AppVerb
  actor: Actor
  /** Further accounts whose logs record the change; the registry itself cannot determine them. */
  alsoTold?: readonly string[]
}

const PAST: Record<AppVerb, string> = {
  submit: 'app.submitted',
  send_back: 'app.sent_back',
  publish: 'app.published',
  suspend: 'app.suspended',
  resume: 'app.resumed',
  retire: 'app.retired',
}

/**
 * Changes the state of an app. Publishing approves the latest version. Throws `app.status` if the transition is not allowed.
 */
export async function moveApp(tx: Tx, caps: Caps, command: MoveApp): Promise<App> {
  const at = caps.clock.now()
  await lockApp(tx, command.id)
  const app = await findApp(tx, command.id)
  if (!app) throw new AppError('object.not_found', { detail: 'There is no such app.' })
  const { from, to } = APP_TRANSITIONS[command.verb]
  if (!(await moveAppRow(tx, app.id, from, to, at))) {
    throw new AppError('app.status', { detail: `The app is ${app.status}; this needs it to be ${from.join(' or ')}.` })
  }
  if (command.verb === 'publish') {
    await approveLatestVersion(tx, app.id)
    await refreshListing(tx, app.id)
    if (!isPublic(app)) await takeSlug(tx, app.id, slugOf(app.manifest.client_name))
  }
  await recordActivity(
    tx,
    caps,
    [app.platform.accountId, ...(command.alsoTold ?? [])],
    [{ actor: command.actor, what: PAST[command.verb], object: app.id, at }],
  )
  return { ...app, status: to }
}
