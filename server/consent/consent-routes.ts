import { type Request, type Response, Router } from 'express'
import type { Provider } from 'oidc-provider'
import { findRecipientKey, type RecipientCaps } from '../../apps-registry/current-recipient.ts'
import { findListing } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import { accountIdsOf, requireSession, sessionOf, signedIn } from '../accounts/session-guard.ts'
import type { Session } from '../accounts/sessions.ts'
import { SECOND } from '../base/clock.ts'
import { AppError, type Fault } from '../base/errors.ts'
import type { Config } from '../config.ts'
import type { RenderPage } from '../http/pages.ts'
import { parseInput } from '../http/parse.ts'
import { installApp } from '../installs/install-app.ts'
import type { Installation } from '../installs/installation.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import { installationOfInteraction } from '../oauth/grants.ts'
import { readInstallationRequest } from '../oauth/installation-request.ts'
import { beforeConsent } from './before-consent.ts'
import { type Answer, answerForm, faultsOf, isUnseen, keptChoice } from './consent-answer.ts'
import { consentPage } from './consent-page.ts'
import { type Asked, type Chosen, type Consideration, considerInstall } from './consider-install.ts'
import { grantAccess } from './grant-access.ts'
import { type Interaction, openInteraction } from './open-interaction.ts'

type ConsentCaps = RecipientCaps &
  MintCaps & {
    config: Config
    provider: Provider
    usage: UsageRecorder
    render: RenderPage
  }

/** The question whether an app may be installed: asked by a platform, or from the marketplace. */
export function consentRoutes(deps: ConsentCaps): Router {
  const { config, database, clock, provider } = deps
  const router = Router()
  router.use('/interaction/:uid', beforeConsent(deps, sessionOf))
  router.use('/interaction', requireSession)

  router.get('/interaction/install/:slug', async (req, res) => {
    const { asked } = await fromMarketplace(req, signedIn(res))
    await show(req, res, asked, queryChoice(req), [], '')
  })

  router.post('/interaction/install/:slug', async (req, res) => {
    const session = signedIn(res)
    const { asked, slug } = await fromMarketplace(req, session)
    const answer = parseInput(answerForm, req.body)
    if (answer.decision === 'cancel') return res.redirect(303, `/marketplace/${slug}`)
    const considered = await consider(asked, answer, session)
    const faults = faultsOf(considered, answer)
    if (faults.length > 0) return await show(req, res, asked, answer, faults, keptChoice(considered, answer))
    if (considered.existing) return res.redirect(303, `/apps/${considered.existing.id}`)
    const { installation } = await act(considered, answer, session, async () => undefined)
    res.redirect(303, `/apps/${installation.id}/installing`)
  })

  router.get('/interaction/:uid', async (req, res) => {
    const interaction = await open(req, res)
    if (!interaction) return await landOnResult(req, res)
    await show(req, res, await fromPlatform(interaction), queryChoice(req), [], '')
  })

  router.post('/interaction/:uid', async (req, res) => {
    const session = signedIn(res)
    const interaction = await open(req, res)
    if (!interaction) return await landOnResult(req, res)
    const answer = parseInput(answerForm, req.body)
    if (answer.decision === 'cancel') {
      return await provider.interactionFinished(req, res, {
        error: 'access_denied',
        error_description: 'the installation was cancelled',
      })
    }
    const asked = await fromPlatform(interaction)
    const considered = await consider(asked, answer, session)
    const faults = faultsOf(considered, answer)
    if (isUnseen(considered, answer)) return await show(req, res, asked, answer, [], '')
    if (faults.length > 0) return await show(req, res, asked, answer, faults, keptChoice(considered, answer))
    const { outcome: grantId } = await act(considered, answer, session, (tx, installation) =>
      grantAccess(
        tx,
        { provider, clock, publicUrl: config.publicUrl },
        {
          installation,
          permissions: considered.permissions,
          interactionUid: interaction.uid,
          userId: session.user.id,
        },
      ),
    )
    await finish(req, res, session, grantId)
  })

  function consider(asked: Asked, chosen: Chosen, session: Session): Promise<Consideration> {
    return database.read(tx => considerInstall(tx, asked, chosen, session, clock.now()))
  }

  /** Installs, or finds what is installed, and does what hangs on it, in one transaction. */
  async function act<Outcome>(
    considered: Consideration,
    answer: Answer,
    session: Session,
    also: (tx: Tx, installation: Installation) => Promise<Outcome>,
  ): Promise<{ installation: Installation; outcome: Outcome }> {
    const { app, place } = considered
    if (!place) {
      const { account } = session.memberships.find(member => member.account.id === answer.account) ?? session.current
      await database.read(tx => requireAbility(tx, session.user.id, account.id, 'install')) // says so where it is the role
      throw new AppError('app.not_installable', {
        detail: 'Nothing was installed. None of your accounts can install this app.',
      })
    }
    const seals = !considered.existing && app.manifest.managed_keys.length > 0
    const recipient = seals ? await findRecipientKey(deps, app) : undefined
    const result = await database.transaction(async tx => {
      const { installation } = await installApp(tx, deps, {
        ...place,
        permissions: considered.permissions,
        version: answer.version ?? app.version,
        recipient,
        kept: answer.kept,
        actor: { type: 'user', id: session.user.id, ip: session.ip },
      })
      return { installation, outcome: await also(tx, installation) }
    })
    return result
  }

  async function show(
    req: Request,
    res: Response,
    asked: Asked,
    chosen: Chosen,
    faults: Fault[],
    keptChoice: '' | 'leave' | 'expire',
  ): Promise<void> {
    await deps.usage.flush()
    const considered = await consider(asked, chosen, signedIn(res))
    const direct = req.params['slug'] !== undefined
    const page = consentPage({
      considered,
      catalog: config.catalog,
      review: config.review,
      action: req.path,
      returnHost: direct ? config.brand.name : new URL(String(res.locals['redirectUri'])).host,
      now: clock.now(),
      keptChoice,
      faults,
    })
    const title = considered.existing ? `${page.app.name} is installed already` : `Install ${page.app.name}`
    deps.render(req, res, 'consent', { title, status: faults.length > 0 ? 422 : 200 }, page)
  }

  async function fromMarketplace(req: Request, session: Session): Promise<{ asked: Asked; slug: string }> {
    const slug = String(req.params['slug'])
    const app = await database.read(tx => findListing(tx, slug, accountIdsOf(session)))
    return { asked: { appId: app.id, mode: undefined, permissions: undefined }, slug }
  }

  async function fromPlatform({ params }: Interaction): Promise<Asked> {
    const appId = String(params['client_id'])
    const client = await provider.Client.find(appId)
    if (!client) throw new AppError('object.not_found')
    const manifest = (client.scope ?? '').split(' ').filter(name => name !== 'openid' && name !== 'offline_access')
    return { appId, ...readInstallationRequest(params, manifest) }
  }

  async function open(req: Request, res: Response): Promise<Interaction | undefined> {
    const interaction = await openInteraction(provider, req, res)
    if (interaction) res.locals['redirectUri'] = redirectUri(interaction)
    return interaction
  }

  /** A form that is sent a second time, after the first has come through, lands on what the first has made. */
  async function landOnResult(req: Request, res: Response): Promise<void> {
    const id = await database.read(tx =>
      installationOfInteraction(tx, String(req.params['uid']), signedIn(res).user.id),
    )
    if (!id)
      throw new AppError('consent.over', {
        detail:
          'Nothing was changed. The request was answered already, or it is older than an hour. Start again from the app.',
      })
    res.redirect(303, `/apps/${id}`)
  }

  /** `select_account` and `create` are answered too: who decided has been asked for before the page. */
  async function finish(req: Request, res: Response, session: Session, grantId: string): Promise<void> {
    const { user, authenticatedAt } = session
    await provider.interactionFinished(req, res, {
      login: { accountId: user.id, ts: Math.floor(authenticatedAt / SECOND), remember: false },
      consent: { grantId },
      select_account: {},
      create: {},
    })
  }

  return router
}

function redirectUri({ params }: Interaction): string {
  return String(params['redirect_uri'])
}

function queryChoice(req: Request): Chosen {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return { account: text(req.query['account']), mode: text(req.query['mode']) }
}
