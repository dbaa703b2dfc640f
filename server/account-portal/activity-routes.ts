import { Router } from 'express'
import { requireSession, signedIn } from '../accounts/session-guard.ts'
import { listActivity } from '../audit/list-activity.ts'
import type { Deps } from '../deps.ts'
import { type ActivityPage, rowOf } from './activity-page.ts'

const PAGE = 50

/** What happened in an account, the newest first. */
export function activityRoutes(deps: Deps): Router {
  const router = Router()
  router.get('/activity', requireSession, async (req, res) => {
    const { account } = signedIn(res).current
    const before = /^\d{1,9}$/.test(String(req.query['before'])) ? Number(req.query['before']) : 2 ** 31 - 1
    const { rows, names } = await deps.database.read(async tx => {
      const found = await listActivity(tx, account.id, before, PAGE)
      return { rows: found, names: await deps.namesOfActors(tx, account.id, found) }
    })
    const last = rows.at(-1)
    const page: ActivityPage = {
      rows: rows.map(row => rowOf(row, names)),
      ...(rows.length === PAGE && last && { older: `/activity?before=${last.number}` }),
    }
    deps.render(req, res, 'activity', { title: 'Activity', nav: 'activity' }, page)
  })
  return router
}
