import { findApp } from '../../apps-registry/find-app.ts'
import type { Platform } from '../audit/actor.ts'
import type { ClientHooks } from '../oauth/client-adapter.ts'
import { logForKeyAccounts, retireApp } from './change-app.ts'
import type { JobCaps } from './run-batch-jobs.ts'
import { shrinkInstallations } from './shrink-app.ts'

/** What a changed or deleted registration causes in the installations and keys of its app. */
export function createClientHooks(caps: JobCaps): ClientHooks {
  return {
    permissionsRemoved: (tx, app, removed) =>
      shrinkInstallations(tx, caps, app, removed, platformActor(app.platform.id, '')),
    logForKeyAccounts: (tx, appId, acts) => logForKeyAccounts(tx, caps, appId, acts),
    retire: async (appId, ip) => {
      const app = await caps.database.read(tx => findApp(tx, appId))
      if (app) await retireApp(caps, { appId, actor: platformActor(app.platform.id, ip) })
    },
  }
}

function platformActor(id: string, ip: string): Platform {
  return { type: 'platform', id, ip }
}
