import { type App, findApp } from '../../apps-registry/find-app.ts'
import { findWithdrawals, finishWithdrawal, withdrawPermissions } from '../../apps-registry/withdraw-permissions.ts'
import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { type Note, recordNotes } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { leaveJob, type Shrink } from '../installs/batch-jobs.ts'
import type { Installation } from '../installs/installation.ts'
import { listAliveAfter } from '../installs/list-installations.ts'
import { takePermissions } from '../installs/narrow-installation.ts'
import { narrowInstallationGrants } from '../oauth/narrow-grants.ts'

/** Installations that shrink in one transaction. */
const BATCH = 25

/**
 * Narrows every running installation and its keys to a manifest version with fewer permissions: with few installations,
 * their rows and those of their grants in the same transaction; otherwise the app's row records it for all of them, and
 * their rows follow in batches (`later`). Returns the log entries for the caller to write last.
 */
export async function shrinkInstallations(
  tx: Tx,
  caps: Caps,
  app: App,
  removed: readonly string[],
  actor: Actor,
): Promise<{ notes: Note[]; later: boolean }> {
  const shrink: Shrink = { version: app.version, removed: [...removed], actor, at: caps.clock.now() }
  const unfinished = await findWithdrawals(tx, app.id)
  const first = await listAliveAfter(tx, app.id, '', BATCH + 1)
  if (first.length <= BATCH && unfinished.length === 0)
    return { notes: await shrinkThese(tx, caps, app, shrink, first), later: false }
  await withdrawPermissions(tx, app.id, { version: shrink.version, permissions: shrink.removed, at: shrink.at })
  await leaveJob(tx, caps, { kind: 'shrink_app', subject: app.id, data: shrink }, '')
  return { notes: [], later: true }
}

/** Shrinks the next installations with their grants, after a position. Returns the next one, or undefined at the end. */
export async function shrinkNext(
  tx: Tx,
  caps: Caps,
  appId: string,
  shrink: Shrink,
  after: string,
): Promise<string | undefined> {
  const app = await findApp(tx, appId)
  const batch = await listAliveAfter(tx, appId, after, BATCH)
  const last = batch.at(-1)
  if (!app || !last) {
    await finishWithdrawal(tx, appId, shrink.version)
    return undefined
  }
  const older = batch.filter(({ version }) => version < shrink.version)
  await recordNotes(tx, caps, await shrinkThese(tx, caps, app, shrink, older))
  for (const { id } of older) await narrowInstallationGrants(tx, caps, id, shrink.removed)
  return last.id
}

async function shrinkThese(
  tx: Tx,
  caps: Caps,
  app: App,
  { removed, actor, at }: Shrink,
  installations: readonly Installation[],
): Promise<Note[]> {
  const accounts = new Set<string>()
  const ended: Note[] = []
  for (const installation of installations) {
    const acts = await takePermissions(tx, caps, app, installation.id, { removed, actor, at })
    if (!acts) continue
    accounts.add(installation.accountId)
    ended.push({ accountIds: [installation.accountId, app.platform.accountId], acts })
  }
  const updated = { actor, what: 'installation.updated', object: app.id, at, data: { removed: [...removed] } }
  return [{ accountIds: [...accounts], acts: [updated] }, ...ended.filter(({ acts }) => acts.length > 0)]
}
