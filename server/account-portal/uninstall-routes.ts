import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import type { App } from '../../apps-registry/find-app.ts'
import type { Database } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import type { Caps } from '../base/caps.ts'
import { DAY, endOfDay } from '../base/clock.ts'
import type { Fault } from '../base/errors.ts'
import { isId } from '../base/ids.ts'
import type { RenderPage } from '../http/pages.ts'
import { parseInput } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { findInstallationOf } from '../installs/find-installation.ts'
import { uninstallApp } from '../installs/uninstall-app.ts'
import { hasWorkingKeys, summarizeKeys } from '../keys/count-keys.ts'
import { listKeysUsedLast, pageSettledKeys } from '../keys/list-keys.ts'
import { readUse } from '../keys/read-usage.ts'
import type { KeyChoice } from '../keys/settlement.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import { uninstalledPage, uninstallPage } from './uninstall-page.ts'

type UninstallCaps = Caps & {
  database: Database
  usage: UsageRecorder
  render: RenderPage
  publicUrl: string
}

/** Keys on one page; the uninstall page lists those that were used last. */
const LISTED = 20

/** The uninstall page, its submit, and the state of the keys afterwards. */
export function uninstallRoutes(caps: UninstallCaps): Router {
  const router = Router()
  router.use('/apps', requireSession)

  router.get('/apps/:installation/uninstall', (req, res) => askToUninstall(caps, req, res))
  router.post('/apps/:installation/uninstall', (req, res) => uninstallByForm(caps, req, res))
  router.get('/apps/:installation/uninstalled', (req, res) => showUninstalled(caps, req, res))
  return router
}

async function askToUninstall(caps: UninstallCaps, req: Request, res: Response): Promise<void> {
  const session = signedIn(res)
  const { installation, app } = await caps.database.read(async tx => {
    const found = await findInstallationOf(tx, session.current.account.id, idParam(req, 'installation', 'ins'))
    await requireAbility(tx, session.user.id, session.current.account.id, 'uninstall', found.installation.mode)
    return found
  })
  if (installation.status === 'uninstalled') return res.redirect(303, `/apps/${installation.id}/uninstalled`)
  await showUninstall(caps, req, res, app, { choice: '', until: '', faults: [] })
}

async function uninstallByForm(caps: UninstallCaps, req: Request, res: Response): Promise<void> {
  const session = signedIn(res)
  const { account } = session.current
  const { installation, app } = await caps.database.read(tx =>
    findInstallationOf(tx, account.id, idParam(req, 'installation', 'ins')),
  )
  const typed = parseInput(uninstallForm, req.body)
  const now = caps.clock.now()
  const answer = choiceOf(typed, now)
  const asked = await caps.database.read(tx => hasWorkingKeys(tx, installation.id, now))
  if ('fault' in answer && asked)
    return await showUninstall(caps, req, res, app, { choice: typed.keys, until: typed.until, faults: [answer.fault] })
  await caps.database.transaction(tx =>
    uninstallApp(tx, caps, {
      installationId: installation.id,
      keys: 'fault' in answer ? { answer: 'expire' } : answer,
      reason: 'account',
      actor: memberOf(res),
    }),
  )
  res.redirect(303, `/apps/${installation.id}/uninstalled`)
}

async function showUninstalled(caps: UninstallCaps, req: Request, res: Response): Promise<void> {
  const { account } = signedIn(res).current
  const before = isId('key', req.query['keys']) ? req.query['keys'] : undefined
  const now = caps.clock.now()
  const { installation, app, keys, anyKept } = await caps.database.read(async tx => {
    const found = await findInstallationOf(tx, account.id, idParam(req, 'installation', 'ins'))
    const { id: installationId, uninstalledAt } = found.installation
    const page = { installationId, endedSince: uninstalledAt ?? 0, before, limit: LISTED + 1 }
    const anyKept = await hasWorkingKeys(tx, installationId, now)
    return { ...found, keys: await pageSettledKeys(tx, page), anyKept }
  })
  if (installation.status !== 'uninstalled') return res.redirect(303, `/apps/${installation.id}`)
  const shown = keys.slice(0, LISTED)
  const older = keys.length > LISTED && `/apps/${installation.id}/uninstalled?keys=${shown.at(-1)?.id}`
  const became = { keys: shown, anyKept, ...(older && { older }) }
  const page = uninstalledPage(installation, app, account.name, became, now)
  caps.render(req, res, 'uninstalled', { title: `${app.manifest.client_name} is uninstalled`, nav: 'apps' }, page)
}

async function showUninstall(
  caps: UninstallCaps,
  req: Request,
  res: Response,
  app: App,
  typed: { choice: '' | 'expire' | 'keep' | 'until'; until: string; faults: Fault[] },
): Promise<void> {
  const { account } = signedIn(res).current
  await caps.usage.flush()
  const now = caps.clock.now()
  const page = await caps.database.read(async tx => {
    const { installation } = await findInstallationOf(tx, account.id, idParam(req, 'installation', 'ins'))
    const summary = await summarizeKeys(tx, installation.id, now)
    const keys = await listKeysUsedLast(tx, installation.id, LISTED, now)
    const useOf = await readUse(
      tx,
      keys.map(key => key.id),
      now,
    )
    return uninstallPage({ installation, app, accountName: account.name, keys, summary, useOf, now }, typed)
  })
  const status = typed.faults.length > 0 ? 422 : 200
  caps.render(req, res, 'uninstall', { title: `Uninstall ${app.manifest.client_name}?`, nav: 'apps', status }, page)
}

const uninstallForm = z.object({
  keys: z.enum(['expire', 'keep', 'until']).or(z.literal('')).catch(''),
  until: z.string().max(20).catch(''),
})

/** The choice in the uninstall form. *Until* means the end of that day in UTC. */
function choiceOf(typed: z.infer<typeof uninstallForm>, now: number): KeyChoice | { fault: Fault } {
  if (typed.keys === '') return { fault: { field: 'keys', message: 'Choose what should happen to the keys.' } }
  if (typed.keys !== 'until') return { answer: typed.keys }
  const deadline = endOfDay(typed.until)
  if (deadline === undefined) return { fault: { field: 'until', message: 'Choose the last day, as in 2030-01-31.' } }
  if (deadline <= now) return { fault: { field: 'until', message: 'Choose today or a later day.' } }
  if (deadline > now + 367 * DAY) return { fault: { field: 'until', message: 'Choose a day within the next year.' } }
  return { answer: 'until', deadline }
}
