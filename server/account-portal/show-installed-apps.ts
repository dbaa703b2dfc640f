import type { Request, Response } from 'express'
import { findApps } from '../../apps-registry/find-app.ts'
import { signedIn } from '../accounts/session-guard.ts'
import { isId } from '../base/ids.ts'
import { pageInstallations } from '../installs/list-installations.ts'
import { countKeysOf } from '../keys/count-keys.ts'
import { installedAppsPage } from './installed-apps-page.ts'
import { type InstallsCaps, PAGE } from './show-installation.ts'

/** The lists of installed and of uninstalled apps, a page of each. */
export async function showInstalledApps(caps: InstallsCaps, req: Request, res: Response): Promise<void> {
  await caps.usage.flush()
  const { account } = signedIn(res).current
  const now = caps.clock.now()
  const before = placeOf(req.query['before'])
  const keptBefore = placeOf(req.query['kept'])
  const page = await caps.database.read(async tx => {
    const list = (which: 'alive' | 'over', from: string | undefined) =>
      pageInstallations(tx, { accountId: account.id, which, before: from, limit: PAGE + 1 })
    const [alive, over] = [await list('alive', before), await list('over', keptBefore)]
    const shown = [...alive.slice(0, PAGE), ...over.slice(0, PAGE)]
    const apps = await findApps(
      tx,
      shown.map(({ appId }) => appId),
    )
    const keysOf = await countKeysOf(
      tx,
      shown.map(({ id }) => id),
      now,
    )
    const page = installedAppsPage(account.name, shown, apps, keysOf, now)
    const [lastAlive, lastOver] = [alive[PAGE - 1], over[PAGE - 1]]
    return {
      ...page,
      ...(alive.length > PAGE && lastAlive && { older: `/apps?before=${lastAlive.id}` }),
      ...(over.length > PAGE && lastOver && { olderKept: `/apps?kept=${lastOver.id}#kept-title` }),
      ...((before || keptBefore) && { newest: '/apps' }),
    }
  })
  caps.render(req, res, 'installed-apps', { title: 'Installed apps', nav: 'apps' }, page)
}

/** The position in a list of installations, from the query. */
function placeOf(value: unknown): string | undefined {
  return isId('ins', value) ? value : undefined
}
