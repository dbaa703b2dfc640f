import { type Request, type Response, Router } from 'express'
import { findOwnApp, publisherOf } from '../../apps-registry/find-own-app.ts'
import { type ExportCaps, exportActivity } from '../account-portal/activity-export-handlers.ts'
import { type ActivityCaps, showActivity } from '../account-portal/show-activity.ts'
import { lookAtAccountOf } from '../accounts/account-guard.ts'
import { requireSession, signedIn } from '../accounts/session-guard.ts'
import { idParam } from '../http/request.ts'

type PortalActivityCaps = ActivityCaps & ExportCaps

/** What the publisher's log says about one app: the app itself, its installations everywhere, their keys and deliveries. */
export function portalActivityRoutes(caps: PortalActivityCaps): Router {
  const router = Router()
  router.use('/platform/apps/:app/activity', requireSession, lookAtAccountOf(caps, 'app', publisherOf))

  router.get('/platform/apps/:app/activity', (req, res) => showAppActivity(caps, req, res))
  router.post('/platform/apps/:app/activity/export', (req, res) => exportAppActivity(caps, req, res))
  return router
}

async function ownApp({ database }: PortalActivityCaps, req: Request, res: Response) {
  const { account } = signedIn(res).current
  const id = idParam(req, 'app', 'app')
  return await database.read(tx => findOwnApp(tx, account.id, id))
}

async function showAppActivity(caps: PortalActivityCaps, req: Request, res: Response): Promise<void> {
  const { id, manifest, platform } = await ownApp(caps, req, res)
  const name = manifest.client_name
  const view = {
    accountId: platform.accountId,
    heading: `Activity of ${name}`,
    lede: 'What happened to this app, its installations, keys and deliveries. It can be added to, never changed.',
    crumb: { href: `/platform/apps/${id}`, text: name },
    path: `/platform/apps/${id}/activity`,
  }
  await showActivity(caps, req, res, view, id)
}

async function exportAppActivity(caps: PortalActivityCaps, req: Request, res: Response): Promise<void> {
  await exportActivity(caps, req, res, (await ownApp(caps, req, res)).id)
}
