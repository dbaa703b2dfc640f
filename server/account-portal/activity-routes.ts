import { type Response, Router } from 'express'
import { lookAtFormAccount } from '../accounts/account-guard.ts'
import { requireSession, signedIn } from '../accounts/session-guard.ts'
import { type ExportCaps, exportActivity } from './activity-export-handlers.ts'
import type { ActivityView } from './activity-page.ts'
import { type ActivityCaps, showActivity } from './show-activity.ts'

/** What happened in an account, the newest first. */
export function activityRoutes(caps: ActivityCaps & ExportCaps): Router {
  const router = Router()
  router.get('/activity', requireSession, (req, res) => showActivity(caps, req, res, viewOf(res)))
  router.post('/activity/export', requireSession, lookAtFormAccount(caps), (req, res) => exportActivity(caps, req, res))
  return router
}

function viewOf(res: Response): ActivityView {
  const { account } = signedIn(res).current
  return {
    accountId: account.id,
    heading: 'Activity',
    lede: `Everything that touched keys, apps and access in ${account.name}. It can be added to, never changed.`,
    path: '/activity',
  }
}
