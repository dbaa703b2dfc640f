import { type App, findApp, listRetired } from '../../apps-registry/find-app.ts'
import { type MoveApp, moveApp } from '../../apps-registry/move-app.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { type Actor, type Note, SYSTEM } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { listKeptKeys } from '../keys/find-keys.ts'
import { endKey } from './expire-account-key.ts'
import { listAliveByApp, listAliveIdsByApp } from './installation-store.ts'
import { takePermissions } from './narrow-installation.ts'
import { uninstallApp } from './uninstall-app.ts'

/**
 * A manifest version that asks for less shrinks every running installation and its keys at once (PRODUCT rule 7). Answers
 * what the logs must say, for whoever writes them last.
 */
export async function shrinkInstallations(
  tx: Tx,
  caps: Caps,
  app: App,
  removed: readonly string[],
  actor: Actor,
): Promise<Note[]> {
  const at = caps.clock.now()
  const accounts = new Set<string>()
  const ended: Note[] = []
  for (const installation of await listAliveByApp(tx, app.id)) {
    const expired = await takePermissions(tx, caps, app, installation.id, removed)
    if (!expired) continue
    accounts.add(installation.accountId)
    const acts = expired.map(({ id, name }) => ({ actor, what: 'key.expired', object: id, at, data: { name } }))
    ended.push({ accountIds: [installation.accountId, app.platform.accountId], acts })
  }
  const updated = { actor, what: 'installation.updated', object: app.id, at, data: { removed: [...removed] } }
  return [{ accountIds: [...accounts], acts: [updated] }, ...ended.filter(({ acts }) => acts.length > 0)]
}

/** Suspends or resumes an app: every account that holds keys of it reads so in its own log. */
export async function suspendApp(tx: Tx, caps: Caps, command: MoveApp & { verb: 'suspend' | 'resume' }): Promise<App> {
  const installed = await listAliveByApp(tx, command.id)
  const kept = await listKeptKeys(tx, { appId: command.id }, caps.clock.now())
  return await moveApp(tx, caps, { ...command, alsoTold: [...installed, ...kept].map(({ accountId }) => accountId) })
}

/** Goes on where a process died while it retired an app: its keys are refused already, and now everybody is told. */
export async function finishRetirements(database: Database, caps: Caps): Promise<void> {
  for (const appId of await database.look(listRetired)) await endEverything(database, caps, appId, SYSTEM)
}

/**
 * Retires an app: it can no longer be installed, is uninstalled everywhere and all its keys expire, kept ones included.
 * One transaction per installation, so that an app with many never blocks the database; repeating it finishes the rest.
 */
export async function retireApp(database: Database, caps: Caps, appId: string, actor: Actor): Promise<void> {
  await database.transaction(async tx => {
    const app = await findApp(tx, appId)
    if (app?.status !== 'retired') await moveApp(tx, caps, { id: appId, verb: 'retire', actor })
  })
  await endEverything(database, caps, appId, actor)
}

async function endEverything(database: Database, caps: Caps, appId: string, actor: Actor): Promise<void> {
  for (const installationId of await database.read(tx => listAliveIdsByApp(tx, appId))) {
    await database.transaction(tx =>
      uninstallApp(tx, caps, { installationId, keys: { answer: 'expire' }, reason: 'app_retired', actor }),
    )
  }
  for (const key of await database.read(tx => listKeptKeys(tx, { appId }, caps.clock.now())))
    await database.transaction(tx => endKey(tx, caps, key, 'app_retired', actor))
}
