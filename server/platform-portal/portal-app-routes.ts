import { type Request, type Response, Router } from 'express'
import { draftScope } from '../../apps-registry/app-states.ts'
import type { App } from '../../apps-registry/find-app.ts'
import { findOwnApp, findOwnAppToManage, listVersions, publisherOf } from '../../apps-registry/find-own-app.ts'
import { findGoneAddress } from '../../apps-registry/gone-address.ts'
import { moveApp } from '../../apps-registry/move-app.ts'
import { parseJwks } from '../../apps-registry/recipient-key.ts'
import type { Tx } from '../../db/connect.ts'
import { lookAtAccountOf } from '../accounts/account-guard.ts'
import { findAccount } from '../accounts/find-account.ts'
import { requireAbility, roleAllows } from '../accounts/roles.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import { DAY } from '../base/clock.ts'
import { isId } from '../base/ids.ts'
import { countDeliveries } from '../deliveries/count-deliveries.ts'
import { findAppDelivery, listAppDeliveries, readBodies } from '../deliveries/list-deliveries.ts'
import { sendPing } from '../deliveries/send-ping.ts'
import { idParam } from '../http/request.ts'
import type { Installation } from '../installs/installation.ts'
import { countInstallations, listInstallationsOfApp } from '../installs/list-installations.ts'
import { suspendInstallation } from '../installs/suspend-installation.ts'
import { pingFlash } from './app-notices-page.ts'
import { changeOwnApp, type PortalAppCaps } from './own-app-access.ts'
import { type DeliveryFilter, platformAppPage, readFilter } from './portal-app-page.ts'
import {
  endOwnRegistrationToken,
  renewClientSecret,
  renewRegistrationToken,
  renewWebhookSecret,
} from './portal-credential-handlers.ts'

const PAGE = 20
/** The most deliveries of each kind, and installations, that are counted. */
const MOST_COUNTED = 10_000
const WATCHED_FOR = 30_000

/** One app for its publisher: its manifest, secrets, installations and deliveries. */
export function portalAppRoutes(caps: PortalAppCaps): Router {
  const router = Router()
  router.use('/platform/apps/:app', requireSession, lookAtAccountOf(caps, 'app', publisherOf))

  router.get('/platform/apps/:app', (req, res) => showApp(caps, req, res))
  router.post('/platform/apps/:app/test', (req, res) => testDelivery(caps, req, res))
  router.post('/platform/apps/:app/submit', (req, res) => submitApp(caps, req, res))
  router.post('/platform/apps/:app/webhook-secret', (req, res) => renewWebhookSecret(caps, req, res))
  router.post('/platform/apps/:app/client-secret', (req, res) => renewClientSecret(caps, req, res))
  router.post('/platform/apps/:app/registration-token', (req, res) => renewRegistrationToken(caps, req, res))
  router.post('/platform/apps/:app/registration-token/end', (req, res) => endOwnRegistrationToken(caps, req, res))
  router.post('/platform/apps/:app/installations/:installation/suspend', (req, res) =>
    setSuspended(caps, req, res, true),
  )
  router.post('/platform/apps/:app/installations/:installation/resume', (req, res) =>
    setSuspended(caps, req, res, false),
  )
  return router
}

async function showApp(caps: PortalAppCaps, req: Request, res: Response): Promise<void> {
  const { account, role } = signedIn(res).current
  const now = caps.clock.now()
  const filter = readFilter(req.query['show'])
  const pingId = req.query['test']
  const found = await caps.database.read(async tx => {
    const app = await findOwnApp(tx, account.id, idParam(req, 'app', 'app'))
    const ids = [app.id]
    const installations = await installationsOf(tx, app, req.query['installations'])
    const deliveries = await deliveriesOf(tx, app, filter, req.query['before'])
    return {
      app,
      ...installations,
      ...deliveries,
      versions: await listVersions(tx, app.id),
      goneAddress: await findGoneAddress(tx, app.id),
      counts: (await countInstallations(tx, ids, MOST_COUNTED)).get(app.id),
      week: await countDeliveries(tx, ids, { since: now - 7 * DAY, most: MOST_COUNTED }),
      ping: isId('dlv', pingId) ? await findAppDelivery(tx, app.id, pingId) : undefined,
    }
  })
  const { app, ping } = found
  if (ping?.status === 'pending' && now - ping.created_at < WATCHED_FOR) res.set('Refresh', '1')
  const jwks = app.client.jwks_uri ? app.jwks : app.client['jwks']
  const page = platformAppPage({
    ...found,
    recipient: await parseJwks(jwks, 'jwks'),
    mayManage: roleAllows(role, 'publish', draftScope(app.status)),
    maySubmit: roleAllows(role, 'publish'),
    publicUrl: caps.config.publicUrl,
    review: caps.config.review,
    catalog: caps.config.catalog,
    filter,
    now,
  })
  const flash = ping && pingFlash(app, ping)
  caps.render(req, res, 'platform-app', { title: page.app.name, nav: 'platform', ...(flash && { flash }) }, page)
}

async function testDelivery(caps: PortalAppCaps, req: Request, res: Response): Promise<void> {
  const id = idParam(req, 'app', 'app')
  const member = memberOf(res)
  await caps.database.read(tx => findOwnAppToManage(tx, member, id)) // strangers must not spend the limit
  await caps.limits.spend(['test_delivery', id])
  const deliveryId = await changeOwnApp(caps, req, res, (tx, app) => sendPing(tx, caps, { app, actor: memberOf(res) }))
  res.redirect(303, `/platform/apps/${id}?test=${deliveryId}`)
}

async function submitApp(caps: PortalAppCaps, req: Request, res: Response): Promise<void> {
  const actor = memberOf(res)
  const { id } = await changeOwnApp(caps, req, res, async (tx, app) => {
    await requireAbility(tx, actor.id, actor.accountId, 'publish')
    return await moveApp(tx, caps, { id: app.id, verb: 'submit', actor })
  })
  res.redirect(303, `/platform/apps/${id}`)
}

async function setSuspended(caps: PortalAppCaps, req: Request, res: Response, suspended: boolean): Promise<void> {
  const actor = memberOf(res)
  const installationId = idParam(req, 'installation', 'ins')
  const appId = await changeOwnApp(caps, req, res, async (tx, app) => {
    const command = { installationId, appId: app.id, by: 'platform', suspended, actor } as const
    await suspendInstallation(tx, caps, command)
    return app.id
  })
  res.redirect(303, `/platform/apps/${appId}#installations`)
}

async function installationsOf(tx: Tx, app: App, before: unknown) {
  const rows = await listInstallationsOfApp(tx, {
    appId: app.id,
    alive: true,
    before: isId('ins', before) ? before : undefined,
    limit: PAGE + 1,
  })
  const installations: { installation: Installation; accountName: string }[] = []
  for (const installation of rows.slice(0, PAGE)) {
    const account = await findAccount(tx, installation.accountId)
    installations.push({ installation, accountName: account?.name ?? '' })
  }
  return { installations, moreInstallations: rows.length > PAGE }
}

async function deliveriesOf(tx: Tx, app: App, filter: DeliveryFilter, before: unknown) {
  const rows = await listAppDeliveries(tx, {
    appId: app.id,
    status: filter === 'all' ? undefined : filter,
    before: isId('dlv', before) ? before : undefined,
    limit: PAGE + 1,
  })
  const deliveries = rows.slice(0, PAGE)
  const bodies = await readBodies(
    tx,
    deliveries.map(({ event_id }) => event_id),
  )
  return { deliveries, bodies, moreDeliveries: rows.length > PAGE }
}
