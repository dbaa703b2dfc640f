import type { Request, Response } from 'express'
import type { RecipientCaps } from '../../apps-registry/current-recipient.ts'
import type { App } from '../../apps-registry/find-app.ts'
import { userEmail } from '../accounts/find-user.ts'
import { roleAllows } from '../accounts/roles.ts'
import { signedIn } from '../accounts/session-guard.ts'
import type { Session } from '../accounts/sessions.ts'
import { isId } from '../base/ids.ts'
import type { Config } from '../config.ts'
import { listKeyDeliveries, pageDeliveriesOf } from '../deliveries/installation-deliveries.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { idParam } from '../http/request.ts'
import { findInstallationOf } from '../installs/find-installation.ts'
import type { Installation } from '../installs/installation.ts'
import { findUnusedPermissions } from '../installs/unused-permissions.ts'
import { countWorkingKeys } from '../keys/count-keys.ts'
import { listLatestKeys, pageInstallationKeys } from '../keys/list-keys.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import { installationPage } from './installation-page.ts'
import { installingPage } from './installing-page.ts'

export type InstallsCaps = RecipientCaps &
  MintCaps & {
    config: Config
    usage: UsageRecorder
    render: RenderPage
  }

/** Milliseconds for which the page of an unfinished installation reloads itself. */
const WATCHED_FOR = 30_000
/** Rows of a list on one page. */
export const PAGE = 20

/** The page of one installation; after a refused act it also says why nothing was changed. */
export async function showInstallation(
  caps: InstallsCaps,
  req: Request,
  res: Response,
  refused?: NoticeModel,
): Promise<void> {
  await caps.usage.flush()
  const session = signedIn(res)
  const now = caps.clock.now()
  const found = await caps.database.read(async tx => {
    const found = await findInstallationOf(tx, session.current.account.id, idParam(req, 'installation', 'ins'))
    const { id: installationId } = found.installation
    const sequence = /^\d{1,9}$/.test(String(req.query['deliveries'])) ? Number(req.query['deliveries']) : undefined
    const before = isId('key', req.query['keys']) ? req.query['keys'] : undefined
    return {
      ...found,
      working: await countWorkingKeys(tx, installationId, now),
      keys: await pageInstallationKeys(tx, { installationId, before, limit: PAGE + 1 }),
      deliveries: await pageDeliveriesOf(tx, { installationId, before: sequence, limit: PAGE + 1 }),
      installedBy: isId('usr', found.installation.installedBy)
        ? await userEmail(tx, found.installation.installedBy)
        : 'the operator',
      unused: await findUnusedPermissions(tx, found.installation, now),
    }
  })
  const page = installationPage({
    ...found,
    accountName: session.current.account.name,
    catalog: caps.config.catalog,
    now,
    mayManage: mayManage(session, found.installation),
    page: PAGE,
  })
  const flash = refused ?? removedText(found, req.query['removed'])
  const frame = { title: found.app.manifest.client_name, status: refused ? 409 : 200, ...(flash && { flash }) }
  caps.render(req, res, 'installation', { ...frame, nav: 'apps' }, page)
}

/** The progress of an installation. */
export async function showInstalling(caps: InstallsCaps, req: Request, res: Response): Promise<void> {
  const session = signedIn(res)
  const { installation, app, keys, deliveries } = await caps.database.read(async tx => {
    const found = await findInstallationOf(tx, session.current.account.id, idParam(req, 'installation', 'ins'))
    const names = found.app.manifest.managed_keys.map(({ name }) => name)
    const keys = await listLatestKeys(tx, found.installation.id, names)
    const ids = keys.map(({ id }) => id)
    return { ...found, keys, deliveries: await listKeyDeliveries(tx, found.installation.id, ids) }
  })
  const mostAttempts = caps.config.retrySchedule.length + 1
  const page = installingPage({
    installation,
    app,
    keys,
    deliveries,
    mayManage: mayManage(session, installation),
    mostAttempts,
  })
  if (page.phase === 'underway' && caps.clock.now() - installation.createdAt < WATCHED_FOR) res.set('Refresh', '1')
  caps.render(req, res, 'installing', { title: page.heading, nav: 'apps' }, page)
}

/** A notice of the permissions just removed, as long as it is still true. */
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

function mayManage({ current }: Session, { mode }: Installation): boolean {
  return roleAllows(current.role, 'uninstall', mode)
}
