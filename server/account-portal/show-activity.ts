import type { Request, Response } from 'express'
import { findApps } from '../../apps-registry/find-app.ts'
import { listOwnApps } from '../../apps-registry/find-own-app.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { listMemberNames } from '../accounts/people-seen.ts'
import { SYSTEM } from '../audit/actor.ts'
import { listActivity, positionOf } from '../audit/list-activity.ts'
import type { Config } from '../config.ts'
import type { RenderPage } from '../http/pages.ts'
import { appIdsOfAccount } from '../installs/list-installations.ts'
import { readActivityFilter } from './activity-filter.ts'
import { loadActivityNames } from './activity-names.ts'
import { ACTIVITY_PER_PAGE, type ActivityView, activityPage } from './activity-page.ts'

export type ActivityCaps = { config: Config; database: Database; render: RenderPage }

/** The most people and apps that a filter offers. */
const MOST_CHOICES = 100

/** Shows one page of a log, of everything or of one app; a filter that cannot be read is shown with its faults. */
export async function showActivity(
  caps: ActivityCaps,
  req: Request,
  res: Response,
  view: ActivityView,
  appId?: string,
): Promise<void> {
  const { asked, faults, filter } = readActivityFilter(req.query)
  const { accountId } = view
  const brand = caps.config.brand.name
  const before = /^\d{1,9}$/.test(String(req.query['before'])) ? Number(req.query['before']) : undefined
  const loaded = await caps.database.read(async tx => {
    const position = before === undefined ? undefined : await positionOf(tx, accountId, before)
    const wanted = { ...filter, accountId, appId: appId ?? filter.appId }
    const found = faults.length > 0 ? [] : await listActivity(tx, wanted, position, ACTIVITY_PER_PAGE + 1)
    const namesOf = await loadActivityNames(tx, { accountId, brand }, found)
    const choices = await choicesOf(tx, accountId, brand)
    return { found, namesOf, actors: choices.actors, apps: appId === undefined ? choices.apps : [], paged: !!position }
  })
  const page = activityPage({ view, asked, faults, ...loaded })
  const nav = appId === undefined ? ('activity' as const) : ('platform' as const)
  caps.render(req, res, 'activity', { title: view.heading, nav, status: faults.length > 0 ? 400 : 200 }, page)
}

/** Who may have acted, and on which apps: members, publishers of what was installed, and the server. */
async function choicesOf(tx: Tx, accountId: string, brand: string) {
  const installed = await findApps(tx, await appIdsOfAccount(tx, accountId, MOST_CHOICES))
  const own = await listOwnApps(tx, { accountId, after: undefined, limit: MOST_CHOICES })
  const apps = new Map([...own, ...installed.values()].map(app => [app.id, app]))
  const publishers = new Map([...apps.values()].map(({ platform }) => [platform.id, platform.name]))
  return {
    actors: [
      ...(await listMemberNames(tx, accountId, MOST_CHOICES)),
      ...byName([...publishers].map(([id, name]) => ({ id, name }))),
      { id: SYSTEM.id, name: brand },
    ],
    apps: byName([...apps.values()].map(app => ({ id: app.id, name: app.manifest.client_name }))),
  }
}

function byName<Choice extends { name: string }>(choices: Choice[]): Choice[] {
  return choices.sort((a, b) => a.name.localeCompare(b.name, 'en'))
}
