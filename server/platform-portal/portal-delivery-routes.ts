import { type Request, type Response, Router } from 'express'
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

/** One delivery with all its attempts, and *Redeliver*: the same verb that the platform API has. */
export function portalDeliveryRoutes(deps: PortalDeliveryCaps): Router {
  const { config, database, clock } = deps
  const router = Router()
  const path = '/platform/apps/:app/deliveries/:delivery'
  router.use('/platform/apps/:app', requireSession, lookAtAccountOf(deps, 'app', publisherOf))

  router.get(path, async (req, res) => await show(req, res))

  router.post(`${path}/redeliver`, async (req, res) => {
    const [id, deliveryId] = [idParam(req, 'app', 'app'), idParam(req, 'delivery', 'dlv')]
    const member = memberOf(res)
    const found = await database.read(tx => findOwnAppToManage(tx, member, id))
    const kids = await recipientKids(deps, found)
    const pauseEnded = await database.transaction(async tx => {
      const app = await findOwnAppToManage(tx, member, id)
      return await endPause(tx, deps, { deliveryId, app, actor: memberOf(res) })
    })
    if (pauseEnded) deps.worker.wake()
    try {
      await database.transaction(async tx => {
        const app = await findOwnAppToManage(tx, member, id)
        await redeliver(tx, deps, { deliveryId, app, recipientKids: kids, pauseEnded, actor: memberOf(res) })
      })
    } catch (error) {
      if (!(error instanceof AppError) || !REFUSALS.includes(error.code)) throw error
      const text = [`${ERRORS[error.code].title}.`, error.detail].filter(Boolean).join(' ')
      const strong = pauseEnded ? 'The other deliveries go out again; this one was not sent.' : 'Nothing was sent.'
      return await show(req, res, { tone: 'bad', strong, text })
    }
    res.redirect(303, `/platform/apps/${id}/deliveries/${deliveryId}`)
  })

  async function show(req: Request, res: Response, refused?: NoticeModel): Promise<void> {
    const { account, role } = signedIn(res).current
    const [id, deliveryId] = [idParam(req, 'app', 'app'), idParam(req, 'delivery', 'dlv')]
    const found = await database.read(async tx => {
      const app = await findOwnApp(tx, account.id, id)
      const delivery = await readAppDelivery(tx, app.id, deliveryId)
      const body = (await readBodies(tx, [delivery.event_id])).get(delivery.event_id) ?? '{}'
      return { app, delivery, body, held: (await findGoneAddress(tx, app.id)) !== null }
    })
    const now = clock.now()
    const latest = found.delivery.log.at(-1)?.at ?? found.delivery.created_at
    const fresh = found.delivery.status === 'pending' && found.delivery.attempts === 0 && now - latest < WATCHED_FOR
    if (fresh && !refused) res.set('Refresh', '1')
    const page = platformDeliveryPage({
      ...found,
      now,
      retrySchedule: config.retrySchedule,
      mayManage: roleAllows(role, 'manage_platform'),
    })
    const options = { title: page.type, nav: 'platform' as const, ...(refused && { flash: refused, status: 409 }) }
    deps.render(req, res, 'platform-delivery', options, page)
  }

  return router
}
