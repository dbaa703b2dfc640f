import { type Request, type Response, Router } from 'express'
import type { Provider } from 'oidc-provider'
import type { App } from '../../apps-registry/find-app.ts'
import {
  findGoneAddress,
  findOwnApp,
  findOwnAppToManage,
  listVersions,
  publisherOf,
} from '../../apps-registry/find-own-app.ts'
import { moveApp } from '../../apps-registry/move-app.ts'
import { parseJwks } from '../../apps-registry/recipient-key.ts'
import { endRegistrationToken, replaceRegistrationToken } from '../../apps-registry/registration-token.ts'
import { replaceClientSecret } from '../../apps-registry/replace-client-secret.ts'
import { rotateWebhookSecret } from '../../apps-registry/rotate-webhook-secret.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { lookAtAccountOf } from '../accounts/account-guard.ts'
import { findAccount, roleAllows } from '../accounts/roles.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import type { Caps } from '../base/caps.ts'
import { DAY } from '../base/clock.ts'
import { isId } from '../base/ids.ts'
import type { Config } from '../config.ts'
import { countDeliveries, findAppDelivery, listAppDeliveries, readBodies } from '../deliveries/list-deliveries.ts'
import { sendPing } from '../deliveries/send-ping.ts'
import type { RenderPage } from '../http/pages.ts'
import { idParam } from '../http/request.ts'
import type { Installation } from '../installs/installation.ts'
import { countInstallations, listInstallationsOfApp } from '../installs/list-installations.ts'
import { suspendInstallation } from '../installs/suspend-installation.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { endAppTokens } from '../oauth/end-app-tokens.ts'
import { issueRegistrationToken } from '../oauth/registration-tokens.ts'
import { type DeliveryFilter, pingFlash, platformAppPage, readFilter } from './portal-app-page.ts'
import type { SecretOncePage } from './secret-once-page.ts'

type PortalAppCaps = Caps & {
  config: Config
  database: Database
  limits: RateLimits
  provider: Provider
  render: RenderPage
}

const PAGE = 20
/** Of deliveries of each kind, and of installations. */
const MOST_COUNTED = 10_000
const WATCHED_FOR = 30_000

/** One app as its publisher runs it: what it is, its secrets, where it is installed, what was sent. */
export function portalAppRoutes(deps: PortalAppCaps): Router {
  const { config, database, clock } = deps
  const router = Router()
  router.use('/platform/apps/:app', requireSession, lookAtAccountOf(deps, 'app', publisherOf))

  router.get('/platform/apps/:app', async (req, res) => {
    const { account, role } = signedIn(res).current
    const now = clock.now()
    const filter = readFilter(req.query['show'])
    const pingId = req.query['test']
    const found = await database.read(async tx => {
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
      mayManage: roleAllows(role, 'manage_platform'),
      publicUrl: config.publicUrl,
      review: config.review,
      catalog: config.catalog,
      filter,
      now,
    })
    const flash = ping && pingFlash(app, ping)
    deps.render(req, res, 'platform-app', { title: page.app.name, nav: 'platform', ...(flash && { flash }) }, page)
  })

  router.post('/platform/apps/:app/test', async (req, res) => {
    const id = idParam(req, 'app', 'app')
    const member = memberOf(res)
    await database.read(tx => findOwnAppToManage(tx, member, id)) // strangers must not spend the limit
    await deps.limits.spend(['test_delivery', id])
    const deliveryId = await act(req, res, (tx, app) => sendPing(tx, deps, { app, actor: memberOf(res) }))
    res.redirect(303, `/platform/apps/${id}?test=${deliveryId}`)
  })

  router.post('/platform/apps/:app/submit', async (req, res) => {
    const actor = memberOf(res)
    const { id } = await act(req, res, (tx, app) => moveApp(tx, deps, { id: app.id, verb: 'submit', actor }))
    res.redirect(303, `/platform/apps/${id}`)
  })

  router.post('/platform/apps/:app/webhook-secret', async (req, res) => {
    const actor = memberOf(res)
    const value = await act(req, res, (tx, app) =>
      rotateWebhookSecret(tx, deps, { appId: app.id, actor, endsRegistrationToken: true }),
    )
    showSecret(req, res, {
      id: 'webhook-secret',
      label: 'Webhook secret',
      value,
      hint: 'The one before signs along for 24 hours: replace it at your receiver by then. The registration access token has ended.',
    })
  })

  router.post('/platform/apps/:app/client-secret', async (req, res) => {
    const actor = memberOf(res)
    const value = await act(req, res, async (tx, app) => {
      const secret = await replaceClientSecret(tx, deps, { appId: app.id, actor })
      await endAppTokens(tx, app.id)
      return secret
    })
    showSecret(req, res, {
      id: 'client-secret',
      label: 'Client secret',
      value,
      hint: 'The one before is refused from this moment, and so are the tokens of the app itself and the registration access token.',
    })
  })

  router.post('/platform/apps/:app/registration-token', async (req, res) => {
    const actor = memberOf(res)
    const value = await act(req, res, (tx, app) => {
      const issue = (appId: string) => issueRegistrationToken(tx, deps.provider, appId)
      return replaceRegistrationToken(tx, deps, { appId: app.id, actor, issue })
    })
    showSecret(req, res, {
      id: 'registration-access-token',
      label: 'Registration access token',
      value,
      hint: 'It reads and changes the registration. The one before is refused from this moment.',
    })
  })

  router.post('/platform/apps/:app/registration-token/end', async (req, res) => {
    const actor = memberOf(res)
    const id = await act(req, res, async (tx, app) => {
      await endRegistrationToken(tx, deps, { appId: app.id, actor })
      return app.id
    })
    res.redirect(303, `/platform/apps/${id}#credentials`)
  })

  for (const [path, suspended] of [
    ['suspend', true],
    ['resume', false],
  ] as const) {
    router.post(`/platform/apps/:app/installations/:installation/${path}`, async (req, res) => {
      const actor = memberOf(res)
      const installationId = idParam(req, 'installation', 'ins')
      const appId = await act(req, res, async (tx, app) => {
        const command = { installationId, appId: app.id, by: 'platform', suspended, actor } as const
        await suspendInstallation(tx, deps, command)
        return app.id
      })
      res.redirect(303, `/platform/apps/${appId}#installations`)
    })
  }

  /** Does something to an app of the account that the person looks at, if their role allows it now. */
  async function act<Result>(
    req: Request,
    res: Response,
    work: (tx: Tx, app: App) => Promise<Result>,
  ): Promise<Result> {
    const id = idParam(req, 'app', 'app')
    const member = memberOf(res)
    return await database.transaction(async tx => await work(tx, await findOwnAppToManage(tx, member, id)))
  }

  function showSecret(req: Request, res: Response, secret: SecretOncePage['secrets'][number]): void {
    const href = `/platform/apps/${idParam(req, 'app', 'app')}`
    const page: SecretOncePage = {
      crumb: { href, text: 'Back to the app' },
      heading: `Copy the new ${secret.label.toLowerCase()} now`,
      lede: 'When you leave this page it cannot be shown again, to anyone.',
      secrets: [secret],
      doneHref: href,
    }
    deps.render(req, res, 'secret-once', { title: secret.label, nav: 'platform' }, page)
  }

  return router
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
