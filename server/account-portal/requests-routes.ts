import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { findListing } from '../../apps-registry/find-app.ts'
import type { Database } from '../../db/connect.ts'
import { lookAtFormAccount } from '../accounts/account-guard.ts'
import { roleAllows } from '../accounts/roles.ts'
import { accountIdsOf, memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import type { Caps } from '../base/caps.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { parseInput } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { declineRequest, listRequests, requestInstall } from '../installs/install-requests.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { requestsPage } from './requests-page.ts'

type RequestsCaps = Caps & { database: Database; limits: RateLimits; render: RenderPage }

const MOST_SHOWN = 200
const note = z.string().trim().max(500).catch('')
const askForm = z.object({ mode: z.enum(['live', 'test']).catch('live'), note })
const declineForm = z.object({ note })

/** *Request install*, and the queue of requests with their answers. */
export function requestsRoutes(caps: RequestsCaps): Router {
  const router = Router()
  router.post('/marketplace/:slug/request', requireSession, lookAtFormAccount(caps), (req, res) => ask(caps, req, res))
  router.get('/settings/requests', requireSession, (req, res) => showRequests(caps, req, res))
  router.post('/settings/requests/:request/decline', requireSession, lookAtFormAccount(caps), (req, res) =>
    decline(caps, req, res),
  )
  return router
}

async function ask(caps: RequestsCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const asked = parseInput(askForm, req.body)
  const slug = String(req.params['slug'])
  const app = await caps.database.read(tx => findListing(tx, slug, accountIdsOf(signedIn(res))))
  await caps.limits.spend(['install_requests', actor.id])
  await caps.database.transaction(tx => requestInstall(tx, caps, { ...asked, appId: app.id, actor }))
  res.redirect(303, '/settings/requests?done=requested')
}

async function decline(caps: RequestsCaps, req: Request, res: Response): Promise<void> {
  const command = {
    ...parseInput(declineForm, req.body),
    requestId: idParam(req, 'request', 'rin'),
    actor: memberOf(res),
  }
  await caps.database.transaction(tx => declineRequest(tx, caps, command))
  res.redirect(303, '/settings/requests?done=declined')
}

async function showRequests(caps: RequestsCaps, req: Request, res: Response): Promise<void> {
  const { account, role } = signedIn(res).current
  const requests = await caps.database.read(tx => listRequests(tx, account.id, MOST_SHOWN))
  const page = requestsPage({ account, requests, answers: roleAllows(role, 'manage_members'), faults: [] })
  const done = req.query['done']
  const flash = typeof done === 'string' && Object.hasOwn(FLASHES, done) ? FLASHES[done] : undefined
  caps.render(req, res, 'requests', { title: 'Requests', nav: 'requests', ...(flash && { flash }) }, page)
}

const FLASHES: Record<string, NoticeModel> = {
  requested: { tone: 'good', strong: 'Your request is on its way.', text: 'Owners and admins get a mail.' },
  declined: { tone: 'good', strong: 'The request is declined.', text: 'Whoever asked gets a mail.' },
}
