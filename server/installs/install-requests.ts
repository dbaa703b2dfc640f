import { type App, findApp, isInstallableIn } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { findUser } from '../accounts/find-user.ts'
import { requireAbility } from '../accounts/roles.ts'
import { writeToMembers } from '../accounts/write-to-members.ts'
import type { Actor, Member } from '../audit/actor.ts'
import { type Act, recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import type { Mode } from '../base/mode.ts'
import type { Letter } from '../mail/letter.ts'
import { queueMail } from '../mail/queue-mail.ts'
import {
  type InstallRequest,
  insertRequest,
  listRequestRows,
  takeRequest,
  takeRequestsFor,
} from './install-request-store.ts'

export type { InstallRequest } from './install-request-store.ts'

type RequestCaps = Pick<Caps, 'clock' | 'ids' | 'random' | 'activityKey'>

export type RequestInstall = { appId: string; mode: Mode; note: string; actor: Member }

/**
 * *Request install*: asks the owners and admins of the account, who get a mail. Asking again changes nothing. Throws
 * `object.not_found` and `app.not_installable`.
 */
export async function requestInstall(tx: Tx, caps: RequestCaps, command: RequestInstall): Promise<void> {
  const { appId, mode, note, actor } = command
  const { accountId } = actor
  const at = caps.clock.now()
  const { account } = await requireAbility(tx, actor.id, accountId, 'look')
  const app = await findApp(tx, appId)
  if (!app || !isInstallableIn(app, accountId)) throw new AppError('app.not_installable')
  const id = caps.ids.next('rin')
  if (!(await insertRequest(tx, { id, accountId, appId, mode, userId: actor.id, note, createdAt: at }))) return
  const email = (await findUser(tx, actor.id))?.email ?? 'a member'
  const name = app.manifest.client_name
  await writeToMembers(tx, caps, { accountId, audience: 'managers' }, () => ({
    ...words(app, mode, `${email} asks for ${name}`, note),
    lede: `${email} asks you to install ${name} in ${account.name}, in ${mode} mode.`,
    link: { text: 'See the request', path: '/settings/requests' },
  }))
  const data = { app: appId, mode, note }
  await recordActivity(tx, caps, [accountId], [{ actor, what: 'install.requested', object: id, at, data }])
}

export type DeclineRequest = { requestId: string; note: string; actor: Member }

/** *Decline*: the person who asked gets a mail with the note. Throws `object.not_found` and `access.role`. */
export async function declineRequest(tx: Tx, caps: RequestCaps, command: DeclineRequest): Promise<void> {
  const { requestId, note, actor } = command
  await requireAbility(tx, actor.id, actor.accountId, 'manage_members')
  const request = await takeRequest(tx, actor.accountId, requestId)
  const app = request && (await findApp(tx, request.appId))
  if (!request || !app) throw new AppError('object.not_found')
  const heading = `Your request for ${app.manifest.client_name} was declined`
  await tell(tx, caps, request, { ...words(app, request.mode, heading, note), lede: 'An owner or admin declined it.' })
  const at = caps.clock.now()
  const data = { app: request.appId, mode: request.mode, note }
  const act = { actor, what: 'install.request_declined', object: requestId, at, data }
  await recordActivity(tx, caps, [actor.accountId], [act])
}

/** Whoever asked for what has just been installed gets a mail. Returns the entries for the account's log. */
export async function approveRequests(
  tx: Tx,
  caps: RequestCaps,
  { app, accountId, mode, actor }: { app: App; accountId: string; mode: Mode; actor: Actor },
): Promise<Act[]> {
  const requests = await takeRequestsFor(tx, { accountId, appId: app.id, mode })
  const heading = `${app.manifest.client_name} is installed`
  for (const request of requests)
    await tell(tx, caps, request, { ...words(app, mode, heading, ''), lede: 'You asked for it.' })
  const at = caps.clock.now()
  return requests.map(({ id }) => ({
    actor,
    what: 'install.request_approved',
    object: id,
    at,
    data: { app: app.id, mode },
  }))
}

export type ShownRequest = InstallRequest & { app: App; email: string }

/** Open requests of an account, the oldest first. */
export async function listRequests(tx: Tx, accountId: string, most: number): Promise<ShownRequest[]> {
  const shown: ShownRequest[] = []
  for (const request of await listRequestRows(tx, accountId, most)) {
    const app = await findApp(tx, request.appId)
    const email = (await findUser(tx, request.userId))?.email ?? 'a former member'
    if (app) shown.push({ ...request, app, email })
  }
  return shown
}

type Words = Omit<Letter, 'audience'>

function words(app: App, mode: Mode, heading: string, note: string): Omit<Words, 'lede'> {
  return {
    kind: 'install-request',
    subject: heading,
    preview: note || heading,
    heading,
    facts: [
      { name: 'App', lines: [app.manifest.client_name, `${mode} mode`] },
      ...(note ? [{ name: 'Note', lines: [note] }] : []),
    ],
    link: { text: 'See the app', path: `/marketplace/${app.slug}` },
    after: 'Only owners and admins install apps in live mode.',
  }
}

async function tell(tx: Tx, caps: RequestCaps, { userId }: InstallRequest, letter: Words): Promise<void> {
  const user = await findUser(tx, userId)
  if (user) await queueMail(tx, caps, [user.email], { ...letter, audience: user.email })
}
