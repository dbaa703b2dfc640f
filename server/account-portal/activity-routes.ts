import { Router } from 'express'
import type { Database, Tx } from '../../db/connect.ts'
import { personSeenFrom } from '../accounts/find-user.ts'
import { requireSession, signedIn } from '../accounts/session-guard.ts'
import { type ActivityEntry, listActivity } from '../audit/list-activity.ts'
import type { Config } from '../config.ts'
import type { RenderPage } from '../http/pages.ts'
import { type ActivityPage, rowOf } from './activity-page.ts'

type ActivityCaps = {
  config: Config
  database: Database
  render: RenderPage
}

const PAGE = 50

/** The activity log of an account, newest first. */
export function activityRoutes(deps: ActivityCaps): Router {
  const router = Router()
  router.get('/activity', requireSession, async (req, res) => {
    const { account } = signedIn(res).current
    const before = /^\d{1,9}$/.test(String(req.query['before'])) ? Number(req.query['before']) : 2 ** 31 - 1
    const { rows, names } = await deps.database.read(async tx => {
      const found = await listActivity(tx, account.id, before, PAGE)
      return { rows: found, names: await namesOfActors(tx, account.id, found, deps.config.brand.name) }
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

/** The names of actors as the account may know them; entries of the operator carry the brand. */
async function namesOfActors(
  tx: Tx,
  accountId: string,
  rows: readonly ActivityEntry[],
  brand: string,
): Promise<ReadonlyMap<string, { name: string; stranger: boolean }>> {
  const people = new Set(rows.filter(row => row.actor_type === 'user').map(row => row.actor_id))
  const names = new Map([['latchkey', { name: brand, stranger: false }]])
  for (const id of people) names.set(id, await personSeenFrom(tx, accountId, id))
  return names
}
