import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { rotateRegistrationToken } from '../../apps-registry/create-platform.ts'
import { listOwnApps } from '../../apps-registry/find-own-app.ts'
import { listPlatforms } from '../../apps-registry/list-platforms.ts'
import type { Database } from '../../db/connect.ts'
import { requireAbility, roleAllows } from '../accounts/roles.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import type { Caps } from '../base/caps.ts'
import { DAY } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { isId } from '../base/ids.ts'
import { isOneLine } from '../base/one-line.ts'
import { countDeliveries } from '../deliveries/count-deliveries.ts'
import type { FieldFault } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { faultsOf } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { countInstallations } from '../installs/list-installations.ts'
import { openPlatform } from './open-platform.ts'
import { platformHomePage } from './portal-page.ts'
import type { SecretOncePage } from './secret-once-page.ts'

type PortalCaps = Caps & {
  database: Database
  render: RenderPage
  publicUrl: string
  keyBrand: string
  review: 'required' | 'off'
}

const PAGE = 20
/** The most deliveries of each kind, and installations, that are counted for each app. */
const MOST_COUNTED = 1_000

const profile = z.object({
  name: z
    .string()
    .trim()
    .min(1, 'Give the name that people will see')
    .max(120, 'Use 120 characters or fewer')
    .refine(isOneLine, 'Write the name on one line, without hidden characters'),
})

/** An account as a publisher: its profile, its apps, and the token that registers more. */
export function portalRoutes(caps: PortalCaps): Router {
  const router = Router()
  router.use('/platform', requireSession)

  router.get('/platform', (req, res) => showHome(caps, req, res, { name: '', faults: [] }))
  router.post('/platform', (req, res) => openPlatformByForm(caps, req, res))
  router.post('/platform/:platform/token', (req, res) => renewPlatformToken(caps, req, res))
  return router
}

async function openPlatformByForm(caps: PortalCaps, req: Request, res: Response): Promise<void> {
  const parsed = profile.safeParse(req.body ?? {})
  if (!parsed.success) {
    const faults = faultsOf(parsed.error).map(({ message }) => ({ field: 'name', message }))
    return await showHome(caps, req, res, { name: String(req.body?.name ?? ''), faults })
  }
  const command = { name: parsed.data.name, actor: memberOf(res) }
  const { registrationToken } = await caps.database.transaction(tx => openPlatform(tx, caps, command))
  showToken(caps, req, res, registrationToken)
}

async function renewPlatformToken(caps: PortalCaps, req: Request, res: Response): Promise<void> {
  const session = signedIn(res)
  const { account } = session.current
  const platformId = idParam(req, 'platform', 'plat')
  const token = await caps.database.transaction(async tx => {
    const own = (await listPlatforms(tx, account.id)).some(({ id }) => id === platformId)
    if (!own) throw new AppError('object.not_found')
    await requireAbility(tx, session.user.id, account.id, 'publish')
    return await rotateRegistrationToken(tx, caps, { platformId, actor: memberOf(res) })
  })
  showToken(caps, req, res, token)
}

async function showHome(
  caps: PortalCaps,
  req: Request,
  res: Response,
  typed: { name: string; faults: FieldFault[] },
): Promise<void> {
  const { account, role } = signedIn(res).current
  const after = isId('app', req.query['after']) ? req.query['after'] : undefined
  const found = await caps.database.read(async tx => {
    const rows = await listOwnApps(tx, { accountId: account.id, after, limit: PAGE + 1 })
    const apps = rows.slice(0, PAGE)
    const ids = apps.map(({ id }) => id)
    return {
      platforms: await listPlatforms(tx, account.id),
      apps,
      hasPrevious: after !== undefined,
      hasNext: rows.length > PAGE,
      installations: await countInstallations(tx, ids, MOST_COUNTED),
      deliveries: await countDeliveries(tx, ids, { since: caps.clock.now() - DAY, most: MOST_COUNTED }),
    }
  })
  const mayManage = roleAllows(role, 'publish')
  const mayRegister = roleAllows(role, 'publish', caps.review === 'required' ? 'draft' : undefined)
  const page = platformHomePage({ ...found, ...typed, mayManage, mayRegister, publicUrl: caps.publicUrl })
  const status = typed.faults.length > 0 ? 422 : 200
  caps.render(req, res, 'platform-home', { title: 'Your apps', nav: 'platform', status }, page)
}

function showToken(caps: PortalCaps, req: Request, res: Response, token: string): void {
  const page: SecretOncePage = {
    crumb: { href: '/platform', text: 'Your apps' },
    heading: 'Copy your registration token now',
    lede: 'We keep only a hash of it. When you leave this page it cannot be shown again, to anyone.',
    secrets: [
      {
        id: 'registration-token',
        label: 'Registration token',
        value: token,
        hint: 'Whoever holds it can register apps in your name. Any earlier token no longer works.',
      },
    ],
    doneHref: '/platform',
  }
  caps.render(req, res, 'secret-once', { title: 'Registration token', nav: 'platform' }, page)
}
