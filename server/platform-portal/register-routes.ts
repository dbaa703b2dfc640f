import { type Request, type Response, Router } from 'express'
import type { Provider } from 'oidc-provider'
import { checkManifest } from '../../apps-registry/check-manifest.ts'
import { findApp } from '../../apps-registry/find-app.ts'
import { listPlatforms, type PlatformView } from '../../apps-registry/list-platforms.ts'
import type { Database } from '../../db/connect.ts'
import { lookAtFormAccount } from '../accounts/account-guard.ts'
import { requireAbility } from '../accounts/roles.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import type { Caps } from '../base/caps.ts'
import { AppError, AWAY_RETRY_SECONDS } from '../base/errors.ts'
import { isId } from '../base/ids.ts'
import type { Outbound } from '../base/outbound.ts'
import { readJson } from '../base/read-json.ts'
import type { Config } from '../config.ts'
import type { FieldFault } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { type InProcessAnswer, registerInProcess } from '../oauth/register-in-process.ts'
import { appIdOfForm } from './app-id-of-form.ts'
import { faultInForm, metadataOf, type RegisterTyped, readRegisterForm } from './register-form.ts'
import { registerAppPage } from './register-page.ts'
import type { SecretOncePage } from './secret-once-page.ts'

type RegisterCaps = Caps & {
  config: Config
  database: Database
  outbound: Outbound
  limits: RateLimits
  provider: Provider
  render: RenderPage
  publicUrl: string
}

/** *Register an app*, by form or from JSON: the same checks and the same verb as `POST /oauth/register`. */
export function registerRoutes(caps: RegisterCaps): Router {
  const router = Router()
  router.use('/platform/apps/new', requireSession)

  router.get('/platform/apps/new', (req, res) => askToRegister(caps, req, res))
  router.post('/platform/apps/new', lookAtFormAccount(caps), (req, res) => registerByForm(caps, req, res))
  return router
}

async function askToRegister(caps: RegisterCaps, req: Request, res: Response): Promise<void> {
  const platforms = await ownPlatforms(caps, res)
  if (platforms.length === 0) return res.redirect(303, '/platform')
  showForm(caps, req, res, platforms, readRegisterForm({}, caps.config.catalog), [])
}

async function registerByForm(caps: RegisterCaps, req: Request, res: Response): Promise<void> {
  const { clock, outbound } = caps
  const { catalog } = caps.config
  const session = signedIn(res)
  const body: Record<string, unknown> = req.body ?? {}
  const platforms = await ownPlatforms(caps, res)
  const platform = platforms.find(({ id }) => id === body['platform']) ?? platforms[0]
  if (!platform) return res.redirect(303, '/platform')
  const typed = readRegisterForm(body, catalog)
  if (body['add'] === 'key') return showForm(caps, req, res, platforms, typed, [])
  const appId = appIdOfForm(caps, session.current.account.id, formIdOf(caps, body))
  if (await isThere(caps, appId)) return res.redirect(303, `/platform/apps/${appId}`) // submitted twice

  const pasted = 'manifest' in body
  const metadata = pasted ? parseJson(typed.manifest) : metadataOf(typed, catalog)
  if (!metadata) {
    const message = 'This is not a JSON object. Look for a missing comma or quotation mark.'
    return showForm(caps, req, res, platforms, typed, [{ field: 'manifest', message }])
  }
  const atControl = (fault: FieldFault): FieldFault =>
    pasted ? { field: 'manifest', message: `${fault.field} ${fault.message}.` } : faultInForm(fault, typed, catalog)
  await caps.limits.spend(['register_platform', platform.id])
  const { faults } = await checkManifest({ clock, outbound, catalog }, metadata)
  if (faults.length > 0) return showForm(caps, req, res, platforms, typed, faults.map(atControl))
  const answer = await registerInProcess(caps, { platformId: platform.id, appId, actor: memberOf(res) }, metadata)
  if (answer.status === 201) return showCredentials(caps, req, res, answer.body)
  if (await isThere(caps, appId)) return res.redirect(303, `/platform/apps/${appId}`)
  showForm(caps, req, res, platforms, typed, [atControl(faultOf(answer))])
}

/** Identifies the form, so that a double submit makes one app. */
function formIdOf(caps: RegisterCaps, body: Record<string, unknown>): string {
  return isId('app', body['id']) ? body['id'] : caps.ids.next('app')
}

/** The publisher profiles for which the person may register now. */
async function ownPlatforms(caps: RegisterCaps, res: Response): Promise<PlatformView[]> {
  const { user, current } = signedIn(res)
  return await caps.database.read(async tx => {
    await requireAbility(
      tx,
      user.id,
      current.account.id,
      'publish',
      caps.config.review === 'required' ? 'draft' : undefined,
    )
    return await listPlatforms(tx, current.account.id)
  })
}

async function isThere(caps: RegisterCaps, appId: string): Promise<boolean> {
  return (await caps.database.read(tx => findApp(tx, appId))) !== undefined
}

function showForm(
  caps: RegisterCaps,
  req: Request,
  res: Response,
  platforms: readonly PlatformView[],
  typed: RegisterTyped,
  faults: FieldFault[],
): void {
  const sent: Record<string, unknown> = req.body ?? {}
  const id = formIdOf(caps, sent)
  const { catalog } = caps.config
  const platformId = typeof sent['platform'] === 'string' ? sent['platform'] : ''
  const page = registerAppPage({ id, typed, faults, catalog, platforms, platformId })
  const status = faults.length > 0 ? 422 : 200
  caps.render(req, res, 'register-app', { title: 'Register an app', nav: 'platform', status }, page)
}

function showCredentials(caps: RegisterCaps, req: Request, res: Response, body: Record<string, unknown>): void {
  const value = (name: string) => (typeof body[name] === 'string' ? body[name] : '')
  const all: SecretOncePage['secrets'] = [
    {
      id: 'client-id',
      label: 'Client ID',
      value: value('client_id'),
      hint: 'Identifies the app in every request. It is not a secret.',
    },
    {
      id: 'client-secret',
      label: 'Client secret',
      value: value('client_secret'),
      hint: 'Your servers get tokens with it.',
    },
    {
      id: 'webhook-secret',
      label: 'Webhook secret',
      value: value('webhook_secret'),
      hint: 'Your receiver checks the signature of each delivery with it.',
    },
    {
      id: 'registration-access-token',
      label: 'Registration access token',
      value: value('registration_access_token'),
      hint: `Reads and changes this registration at ${value('registration_client_uri')}`,
    },
  ]
  const page: SecretOncePage = {
    crumb: { href: '/platform', text: 'Your apps' },
    heading: `${value('client_name')} is registered`,
    lede: 'Copy these now. When you leave this page the secrets cannot be shown again, to anyone.',
    secrets: all.filter(secret => secret.value !== ''),
    doneHref: `/platform/apps/${value('client_id')}`,
  }
  caps.render(req, res, 'secret-once', { title: 'App registered', nav: 'platform' }, page)
}

/** A fault that only the authorization server finds; its description begins with the name of the field. */
function faultOf({ status, body }: InProcessAnswer): FieldFault {
  if (status === 503) throw new AppError('service.unavailable', { cause: body, retryAfter: AWAY_RETRY_SECONDS })
  if (status >= 500) throw new AppError('internal', { cause: body })
  const [, field = '', message = ''] = /^(\w+) (.*)$/s.exec(String(body['error_description'])) ?? []
  return { field, message }
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value = readJson(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
