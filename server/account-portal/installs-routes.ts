import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { findRecipientKey } from '../../apps-registry/current-recipient.ts'
import { lookAtAccountOf } from '../accounts/account-guard.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import { parseInput } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { accountOfInstallation, findInstallationOf } from '../installs/find-installation.ts'
import { narrowInstallation } from '../installs/narrow-installation.ts'
import { hurryInstallation, retryInstallation } from '../installs/retry-installation.ts'
import { suspendInstallation } from '../installs/suspend-installation.ts'
import { type InstallsCaps, showInstallation, showInstalling } from './show-installation.ts'
import { showInstalledApps } from './show-installed-apps.ts'

/** Installed apps: the list, the page of each, the progress of an install, and retries. */
export function installsRoutes(caps: InstallsCaps): Router {
  const router = Router()
  router.use('/apps', requireSession)
  router.use('/apps/:installation', lookAtAccountOf(caps, 'installation', accountOfInstallation))

  router.get('/apps', (req, res) => showInstalledApps(caps, req, res))
  router.get('/apps/:installation', (req, res) => showInstallation(caps, req, res))
  router.post('/apps/:installation/narrow', (req, res) => narrowByForm(caps, req, res))
  router.get('/apps/:installation/installing', (req, res) => showInstalling(caps, req, res))
  router.post('/apps/:installation/retry', (req, res) => retryByForm(caps, req, res))
  router.post('/apps/:installation/send-now', (req, res) => sendNow(caps, req, res))
  router.post('/apps/:installation/suspend', (req, res) => setSuspended(caps, req, res, true))
  router.post('/apps/:installation/resume', (req, res) => setSuspended(caps, req, res, false))
  return router
}

async function narrowByForm(caps: InstallsCaps, req: Request, res: Response): Promise<void> {
  await caps.usage.flush()
  const { permissions } = parseInput(narrowForm, req.body)
  const command = {
    installationId: idParam(req, 'installation', 'ins'),
    permissions: permissions.split(' '),
    actor: memberOf(res),
  }
  const { removed, inUse } = await caps.database.transaction(tx => narrowInstallation(tx, caps, command))
  if (inUse.length > 0) return await showInstallation(caps, req, res, usedMeanwhile(inUse))
  res.redirect(303, `/apps/${command.installationId}${removed.length > 0 ? `?removed=${removed.join()}` : ''}`)
}

async function retryByForm(caps: InstallsCaps, req: Request, res: Response): Promise<void> {
  const session = signedIn(res)
  const { account } = session.current
  const { app } = await caps.database.read(tx =>
    findInstallationOf(tx, account.id, idParam(req, 'installation', 'ins')),
  )
  const recipient = app.manifest.managed_keys.length > 0 ? await findRecipientKey(caps, app) : undefined
  const command = {
    installationId: idParam(req, 'installation', 'ins'),
    recipient,
    actor: memberOf(res),
  }
  const installation = await caps.database.transaction(tx => retryInstallation(tx, caps, command))
  res.redirect(303, `/apps/${installation.id}/installing`)
}

async function sendNow(caps: InstallsCaps, req: Request, res: Response): Promise<void> {
  const command = {
    installationId: idParam(req, 'installation', 'ins'),
    actor: memberOf(res),
  }
  await caps.database.transaction(tx => hurryInstallation(tx, caps, command))
  res.redirect(303, `/apps/${command.installationId}/installing`)
}

async function setSuspended(caps: InstallsCaps, req: Request, res: Response, suspended: boolean): Promise<void> {
  const installationId = idParam(req, 'installation', 'ins')
  const command = { installationId, by: 'account' as const, suspended, actor: memberOf(res) }
  await caps.database.transaction(tx => suspendInstallation(tx, caps, command))
  res.redirect(303, `/apps/${installationId}`)
}

/** Permission names separated by spaces. */
const narrowForm = z.object({ permissions: z.string().max(20_000).catch('') })

function usedMeanwhile(names: readonly string[]): NoticeModel {
  const text = `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not unused any more, or cannot be judged.`
  return { tone: 'warn', strong: 'Nothing was removed.', text }
}
