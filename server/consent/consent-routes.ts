import { type Request, type Response, Router } from 'express'
import type { Provider } from 'oidc-provider'
import type { RecipientCaps } from '../../apps-registry/current-recipient.ts'
import { findListing } from '../../apps-registry/find-app.ts'
import { accountIdsOf, requireSession, sessionOf, signedIn } from '../accounts/session-guard.ts'
import { type Session, switchAccount } from '../accounts/sessions.ts'
import { SECOND } from '../base/clock.ts'
import { AppError, type Fault } from '../base/errors.ts'
import type { Config } from '../config.ts'
import type { RenderPage } from '../http/pages.ts'
import { parseInput } from '../http/parse.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import { installationOfInteraction } from '../oauth/grants.ts'
import { readInstallationRequest } from '../oauth/installation-request.ts'
import { beforeConsent } from './before-consent.ts'
import { answerForm, faultsOf, isUnseen, keptChoice } from './consent-answer.ts'
import { consentPage } from './consent-page.ts'
import { type Asked, type Chosen, type Consideration, considerInstall } from './consider-install.ts'
import { grantAccess } from './grant-access.ts'
import { installChosen } from './install-chosen.ts'
import { type Interaction, openInteraction } from './open-interaction.ts'

type ConsentCaps = RecipientCaps &
  MintCaps & {
    config: Config
    provider: Provider
    usage: UsageRecorder
    render: RenderPage
  }

/** The consent page, for a platform's request or an install from the marketplace. */
export function consentRoutes(caps: ConsentCaps): Router {
  const router = Router()
  router.use('/interaction/:uid', beforeConsent(caps, sessionOf))
  router.use('/interaction', requireSession)

  router.get('/interaction/install/:slug', (req, res) => showMarketplaceConsent(caps, req, res))
  router.post('/interaction/install/:slug', (req, res) => answerMarketplaceConsent(caps, req, res))
  router.get('/interaction/:uid', (req, res) => showPlatformConsent(caps, req, res))
  router.post('/interaction/:uid', (req, res) => answerPlatformConsent(caps, req, res))
  return router
}

async function showMarketplaceConsent(caps: ConsentCaps, req: Request, res: Response): Promise<void> {
  const { asked } = await fromMarketplace(caps, req, signedIn(res))
  await showConsent(caps, req, res, asked, queryChoice(req), [], '')
}

async function answerMarketplaceConsent(caps: ConsentCaps, req: Request, res: Response): Promise<void> {
  const session = signedIn(res)
  const { asked, slug } = await fromMarketplace(caps, req, session)
  const answer = parseInput(answerForm, req.body)
  if (answer.decision === 'cancel') return res.redirect(303, `/marketplace/${slug}`)
  const considered = await consider(caps, asked, answer, session)
  const faults = faultsOf(considered, answer)
  if (faults.length > 0) return await showConsent(caps, req, res, asked, answer, faults, keptChoice(considered, answer))
  if (considered.existing) return res.redirect(303, `/apps/${considered.existing.id}`)
  const { installation } = await installChosen(caps, considered, answer, session, (tx, { accountId }) =>
    switchAccount(tx, session, accountId),
  )
  res.redirect(303, `/apps/${installation.id}/installing`)
}

async function showPlatformConsent(caps: ConsentCaps, req: Request, res: Response): Promise<void> {
  const interaction = await openAsked(caps, req, res)
  if (!interaction) return await landOnResult(caps, req, res)
  await showConsent(caps, req, res, await fromPlatform(caps, interaction), queryChoice(req), [], '')
}

async function answerPlatformConsent(caps: ConsentCaps, req: Request, res: Response): Promise<void> {
  const session = signedIn(res)
  const interaction = await openAsked(caps, req, res)
  if (!interaction) return await landOnResult(caps, req, res)
  const answer = parseInput(answerForm, req.body)
  if (answer.decision === 'cancel') {
    return await caps.provider.interactionFinished(req, res, {
      error: 'access_denied',
      error_description: 'the installation was cancelled',
    })
  }
  const asked = await fromPlatform(caps, interaction)
  const considered = await consider(caps, asked, answer, session)
  const faults = faultsOf(considered, answer)
  if (isUnseen(considered, answer)) return await showConsent(caps, req, res, asked, answer, [], '')
  if (faults.length > 0) return await showConsent(caps, req, res, asked, answer, faults, keptChoice(considered, answer))
  const { outcome: grantId } = await installChosen(caps, considered, answer, session, (tx, installation) =>
    grantAccess(
      tx,
      { provider: caps.provider, clock: caps.clock, publicUrl: caps.config.publicUrl },
      {
        installation,
        permissions: considered.permissions,
        interactionUid: interaction.uid,
        userId: session.user.id,
      },
    ),
  )
  await finishConsent(caps, req, res, session, grantId)
}

function consider(caps: ConsentCaps, asked: Asked, chosen: Chosen, session: Session): Promise<Consideration> {
  return caps.database.read(tx => considerInstall(tx, asked, chosen, session, caps.clock.now()))
}

async function showConsent(
  caps: ConsentCaps,
  req: Request,
  res: Response,
  asked: Asked,
  chosen: Chosen,
  faults: Fault[],
  keptChoice: '' | 'leave' | 'expire',
): Promise<void> {
  await caps.usage.flush()
  const considered = await consider(caps, asked, chosen, signedIn(res))
  const direct = req.params['slug'] !== undefined
  const page = consentPage({
    considered,
    catalog: caps.config.catalog,
    review: caps.config.review,
    action: req.path,
    returnHost: direct ? caps.config.brand.name : new URL(String(res.locals['redirectUri'])).host,
    now: caps.clock.now(),
    keptChoice,
    faults,
  })
  const title = considered.existing ? `${page.app.name} is installed already` : `Install ${page.app.name}`
  caps.render(req, res, 'consent', { title, status: faults.length > 0 ? 422 : 200 }, page)
}

async function fromMarketplace(
  caps: ConsentCaps,
  req: Request,
  session: Session,
): Promise<{ asked: Asked; slug: string }> {
  const slug = String(req.params['slug'])
  const app = await caps.database.read(tx => findListing(tx, slug, accountIdsOf(session)))
  return { asked: { appId: app.id, mode: undefined, permissions: undefined }, slug }
}

async function fromPlatform(caps: ConsentCaps, { params }: Interaction): Promise<Asked> {
  const appId = String(params['client_id'])
  const client = await caps.provider.Client.find(appId)
  if (!client) throw new AppError('object.not_found')
  const manifest = (client.scope ?? '').split(' ').filter(name => name !== 'openid' && name !== 'offline_access')
  return { appId, ...readInstallationRequest(params, manifest) }
}

async function openAsked(caps: ConsentCaps, req: Request, res: Response): Promise<Interaction | undefined> {
  const interaction = await openInteraction(caps.provider, req, res)
  if (interaction) res.locals['redirectUri'] = redirectUri(interaction)
  return interaction
}

/** Redirects a form that is submitted again after it succeeded to its result. */
async function landOnResult(caps: ConsentCaps, req: Request, res: Response): Promise<void> {
  const id = await caps.database.read(tx =>
    installationOfInteraction(tx, String(req.params['uid']), signedIn(res).user.id),
  )
  if (!id)
    throw new AppError('consent.over', {
      detail:
        'Nothing was changed. The request was already answered, or is older than an hour. Start again from the app.',
    })
  res.redirect(303, `/apps/${id}`)
}

/** `select_account` and `create` are answered too: the person was settled before the page. */
async function finishConsent(
  caps: ConsentCaps,
  req: Request,
  res: Response,
  session: Session,
  grantId: string,
): Promise<void> {
  const { user, authenticatedAt } = session
  await caps.provider.interactionFinished(req, res, {
    login: { accountId: user.id, ts: Math.floor(authenticatedAt / SECOND), remember: false },
    consent: { grantId },
    select_account: {},
    create: {},
  })
}

function redirectUri({ params }: Interaction): string {
  return String(params['redirect_uri'])
}

function queryChoice(req: Request): Chosen {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return { account: text(req.query['account']), mode: text(req.query['mode']) }
}
