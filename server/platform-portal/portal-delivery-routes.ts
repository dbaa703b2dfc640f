import { type Request, type Response, Router } from 'express'
import { draftScope } from '../../apps-registry/app-states.ts'
import { type RecipientCaps, recipientKids } from '../../apps-registry/current-recipient.ts'
import { findOwnApp, findOwnAppToManage, publisherOf } from '../../apps-registry/find-own-app.ts'
import { findGoneAddress } from '../../apps-registry/gone-address.ts'
import { lookAtAccountOf } from '../accounts/account-guard.ts'
import { roleAllows } from '../accounts/roles.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import { AppError, ERRORS, type ErrorCode } from '../base/errors.ts'
import type { Config } from '../config.ts'
import { readAppDelivery, readBodies } from '../deliveries/list-deliveries.ts'
import { endPause, redeliver } from '../deliveries/redeliver.ts'
import type { Worker } from '../deliveries/worker.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { idParam } from '../http/request.ts'
import { platformDeliveryPage } from './portal-delivery-page.ts'

type PortalDeliveryCaps = RecipientCaps & {
  config: Config
  worker: Worker
  render: RenderPage
}

const WATCHED_FOR = 30_000
const REFUSALS: readonly ErrorCode[] = ['delivery.not_redeliverable', 'delivery.recipient_key_changed', 'key.expired']

/** One delivery with all its attempts, and *Redeliver* by the same verb as the platform API. */
export function portalDeliveryRoutes(caps: PortalDeliveryCaps): Router {
  const router = Router()
  router.use('/platform/apps/:app', requireSession, lookAtAccountOf(caps, 'app', publisherOf))

  router.get('/platform/apps/:app/deliveries/:delivery', (req, res) => showDelivery(caps, req, res))
  router.post('/platform/apps/:app/deliveries/:delivery/redeliver', (req, res) => redeliverByForm(caps, req, res))
  return router
}

async function redeliverByForm(caps: PortalDeliveryCaps, req: Request, res: Response): Promise<void> {
  const [id, deliveryId] = [idParam(req, 'app', 'app'), idParam(req, 'delivery', 'dlv')]
  const member = memberOf(res)
  const found = await caps.database.read(tx => findOwnAppToManage(tx, member, id))
  const kids = await recipientKids(caps, found)
  const pauseEnded = await caps.database.transaction(async tx => {
    const app = await findOwnAppToManage(tx, member, id)
    return await endPause(tx, caps, { deliveryId, app, actor: memberOf(res) })
  })
  if (pauseEnded) caps.worker.wake()
  try {
    await caps.database.transaction(async tx => {
      const app = await findOwnAppToManage(tx, member, id)
      await redeliver(tx, caps, { deliveryId, app, recipientKids: kids, pauseEnded, actor: memberOf(res) })
    })
  } catch (error) {
    if (!(error instanceof AppError) || !REFUSALS.includes(error.code)) throw error
    const text = [`${ERRORS[error.code].title}.`, error.detail].filter(Boolean).join(' ')
    const strong = pauseEnded ? 'The other deliveries go out again; this one was not sent.' : 'Nothing was sent.'
    return await showDelivery(caps, req, res, { tone: 'bad', strong, text })
  }
  res.redirect(303, `/platform/apps/${id}/deliveries/${deliveryId}`)
}

async function showDelivery(
  caps: PortalDeliveryCaps,
  req: Request,
  res: Response,
  refused?: NoticeModel,
): Promise<void> {
  const { account, role } = signedIn(res).current
  const [id, deliveryId] = [idParam(req, 'app', 'app'), idParam(req, 'delivery', 'dlv')]
  const found = await caps.database.read(async tx => {
    const app = await findOwnApp(tx, account.id, id)
    const delivery = await readAppDelivery(tx, app.id, deliveryId)
    const body = (await readBodies(tx, [delivery.event_id])).get(delivery.event_id) ?? '{}'
    return { app, delivery, body, paused: (await findGoneAddress(tx, app.id)) !== null }
  })
  const now = caps.clock.now()
  const latest = found.delivery.log.at(-1)?.at ?? found.delivery.created_at
  const fresh = found.delivery.status === 'pending' && found.delivery.attempts === 0 && now - latest < WATCHED_FOR
  if (fresh && !refused) res.set('Refresh', '1')
  const page = platformDeliveryPage({
    ...found,
    now,
    retrySchedule: caps.config.retrySchedule,
    mayManage: roleAllows(role, 'publish', draftScope(found.app.status)),
  })
  const options = { title: page.type, nav: 'platform' as const, ...(refused && { flash: refused, status: 409 }) }
  caps.render(req, res, 'platform-delivery', options, page)
}
