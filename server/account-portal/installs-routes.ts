import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { findRecipientKey, type RecipientCaps } from '../../apps-registry/current-recipient.ts'
import { type App, findApps } from '../../apps-registry/find-app.ts'
import { lookAtAccountOf } from '../accounts/account-guard.ts'
import { userEmail } from '../accounts/find-user.ts'
import { roleAllows } from '../accounts/roles.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import type { Session } from '../accounts/sessions.ts'
import { isId } from '../base/ids.ts'
import type { Config } from '../config.ts'
import { listKeyDeliveries, pageDeliveriesOf } from '../deliveries/queue-event.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { parseInput } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { accountOfInstallation, findInstallationOf } from '../installs/find-installation.ts'
import type { Installation } from '../installs/installation.ts'
import { pageInstallations } from '../installs/list-installations.ts'
import { narrowInstallation } from '../installs/narrow-installation.ts'
import { hurryInstallation, retryInstallation } from '../installs/retry-installation.ts'
import { suspendInstallation } from '../installs/suspend-installation.ts'
import { findUnusedPermissions } from '../installs/unused-permissions.ts'
import { countKeysOf, countWorkingKeys } from '../keys/count-keys.ts'
import { listLatestKeys, pageInstallationKeys } from '../keys/list-keys.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import { installationPage } from './installation-page.ts'
import { installedAppsPage } from './installed-apps-page.ts'
import { installingPage } from './installing-page.ts'

type InstallsCaps = RecipientCaps &
  MintCaps & {
    config: Config
    usage: UsageRecorder
    render: RenderPage
  }

const WATCHED_FOR = 30_000
/** Rows of a list on one page. */
const PAGE = 20

/** Installed apps: looking at them, their way to the platform, and trying again. */
export function installsRoutes(deps: InstallsCaps): Router {
  const { config, database, clock, usage } = deps
  const router = Router()
  router.use('/apps', requireSession)
  router.use('/apps/:installation', lookAtAccountOf(deps, 'installation', accountOfInstallation))

  router.get('/apps', async (req, res) => {
    await usage.flush()
    const { account } = signedIn(res).current
    const now = clock.now()
    const before = placeOf(req.query['before'])
    const keptBefore = placeOf(req.query['kept'])
    const page = await database.read(async tx => {
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
    deps.render(req, res, 'installed-apps', { title: 'Installed apps', nav: 'apps' }, page)
  })

  router.get('/apps/:installation', async (req, res) => {
    await showInstallation(req, res)
  })

  router.post('/apps/:installation/narrow', async (req, res) => {
    await usage.flush()
    const { permissions } = parseInput(narrowForm, req.body)
    const command = {
      installationId: idParam(req, 'installation', 'ins'),
      permissions: permissions.split(' '),
      actor: memberOf(res),
    }
    const { removed, inUse } = await database.transaction(tx => narrowInstallation(tx, deps, command))
    if (inUse.length > 0) return await showInstallation(req, res, usedMeanwhile(inUse))
    res.redirect(303, `/apps/${command.installationId}${removed.length > 0 ? `?removed=${removed.join()}` : ''}`)
  })

  async function showInstallation(req: Request, res: Response, refused?: NoticeModel): Promise<void> {
    await usage.flush()
    const session = signedIn(res)
    const now = clock.now()
    const found = await database.read(async tx => {
      const found = await findInstallationOf(tx, session.current.account.id, idParam(req, 'installation', 'ins'))
      const { id: installationId } = found.installation
      const sequence = /^\d{1,9}$/.test(String(req.query['deliveries'])) ? Number(req.query['deliveries']) : undefined
      const before = isId('key', req.query['keys']) ? req.query['keys'] : undefined
      return {
        ...found,
        working: await countWorkingKeys(tx, installationId, now),
        keys: await pageInstallationKeys(tx, { installationId, before, limit: PAGE + 1 }),
        deliveries: await pageDeliveriesOf(tx, { installationId, before: sequence, limit: PAGE + 1 }),
        installedBy: await userEmail(tx, found.installation.installedBy),
        unused: await findUnusedPermissions(tx, found.installation, now),
      }
    })
    const page = installationPage({
      ...found,
      accountName: session.current.account.name,
      catalog: config.catalog,
      now,
      mayManage: mayManage(session),
      page: PAGE,
    })
    const flash = refused ?? removedText(found, req.query['removed'])
    const frame = { title: found.app.manifest.client_name, status: refused ? 409 : 200, ...(flash && { flash }) }
    deps.render(req, res, 'installation', { ...frame, nav: 'apps' }, page)
  }

  router.get('/apps/:installation/installing', async (req, res) => {
    const session = signedIn(res)
    const { installation, app, keys, deliveries } = await database.read(async tx => {
      const found = await findInstallationOf(tx, session.current.account.id, idParam(req, 'installation', 'ins'))
      const names = found.app.manifest.managed_keys.map(({ name }) => name)
      const keys = await listLatestKeys(tx, found.installation.id, names)
      const ids = keys.map(({ id }) => id)
      return { ...found, keys, deliveries: await listKeyDeliveries(tx, found.installation.id, ids) }
    })
    const mostAttempts = config.retrySchedule.length + 1
    const page = installingPage({ installation, app, keys, deliveries, mayManage: mayManage(session), mostAttempts })
    if (page.phase === 'underway' && clock.now() - installation.createdAt < WATCHED_FOR) res.set('Refresh', '1')
    deps.render(req, res, 'installing', { title: page.heading, nav: 'apps' }, page)
  })

  router.post('/apps/:installation/retry', async (req, res) => {
    const session = signedIn(res)
    const { account } = session.current
    const { app } = await database.read(tx => findInstallationOf(tx, account.id, idParam(req, 'installation', 'ins')))
    const recipient = app.manifest.managed_keys.length > 0 ? await findRecipientKey(deps, app) : undefined
    const command = {
      installationId: idParam(req, 'installation', 'ins'),
      recipient,
      actor: memberOf(res),
    }
    const installation = await database.transaction(tx => retryInstallation(tx, deps, command))
    res.redirect(303, `/apps/${installation.id}/installing`)
  })

  router.post('/apps/:installation/send-now', async (req, res) => {
    const command = {
      installationId: idParam(req, 'installation', 'ins'),
      actor: memberOf(res),
    }
    await database.transaction(tx => hurryInstallation(tx, deps, command))
    res.redirect(303, `/apps/${command.installationId}/installing`)
  })

  for (const [path, suspended] of [
    ['suspend', true],
    ['resume', false],
  ] as const) {
    router.post(`/apps/:installation/${path}`, async (req, res) => {
      const installationId = idParam(req, 'installation', 'ins')
      const command = { installationId, by: 'account' as const, suspended, actor: memberOf(res) }
      await database.transaction(tx => suspendInstallation(tx, deps, command))
      res.redirect(303, `/apps/${installationId}`)
    })
  }

  return router
}

/** Names of permissions, with blanks between them. */
const narrowForm = z.object({ permissions: z.string().max(20_000).catch('') })

/** What was removed on the page before, as long as it is still so. */
function removedText(
  { installation, app }: { installation: Installation; app: App },
  removed: unknown,
): NoticeModel | undefined {
  const known = new Set(app.manifest.permissions.map(({ name }) => name))
  const gone = typeof removed === 'string' ? removed.split(',') : []
  if (gone.length === 0 || gone.some(name => !known.has(name) || installation.permissions.includes(name)))
    return undefined
  const strong = gone.length === 1 ? '1 permission was removed.' : `${gone.length} permissions were removed.`
  return { tone: 'good', strong, text: `Calls that need ${gone.join(' or ')} are refused from now on.` }
}

function usedMeanwhile(names: readonly string[]): NoticeModel {
  const text = `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not unused any more, or cannot be judged.`
  return { tone: 'warn', strong: 'Nothing was removed.', text }
}

/** The place in a list of installations that an address names. */
function placeOf(value: unknown): string | undefined {
  return isId('ins', value) ? value : undefined
}

function mayManage(session: Session): boolean {
  return roleAllows(session.current.role, 'uninstall')
}
