import { fileURLToPath } from 'node:url'
import type { Response } from 'express'
import type { Provider } from 'oidc-provider'
import { findApp } from '../apps-registry/find-app.ts'
import { badgeOf } from '../apps-registry/listing-page.ts'
import { connect, type Database, migrate, type Tx } from '../db/connect.ts'
import { createWriteProbe, type WriteProbe } from '../db/write-probe.ts'
import { createKnownBrowserCookie, type KnownBrowserCookie } from './accounts/known-browser.ts'
import { createPasswords, type Passwords } from './accounts/password.ts'
import { createSessionCookie, type SessionCookie } from './accounts/session-cookie.ts'
import { loadActivityKey } from './audit/activity-key.ts'
import type { Platform } from './audit/actor.ts'
import type { Act } from './audit/record-activity.ts'
import type { Caps } from './base/caps.ts'
import { type Clock, SECOND, systemClock } from './base/clock.ts'
import { createIds } from './base/ids.ts'
import { createKeyring } from './base/keyring.ts'
import { createLog, type Log } from './base/log.ts'
import { createOutbound, type Outbound } from './base/outbound.ts'
import { createPulses, type Pulses } from './base/pulses.ts'
import { type Random, systemRandom } from './base/random.ts'
import type { ResolveName } from './base/resolve-name.ts'
import { readRootSecrets } from './base/root-secret.ts'
import { createRunner } from './base/runner.ts'
import type { Config } from './config.ts'
import { findWaitingApp } from './consent/find-waiting-app.ts'
import { resumeAccess } from './consent/resume-access.ts'
import { queueState } from './deliveries/queue-store.ts'
import { createWorker, type Worker } from './deliveries/worker.ts'
import { createMetrics, type MetricSources, type Metrics } from './http/metrics.ts'
import { createOutwardPages, type OutwardPages } from './http/outward-pages.ts'
import { createPages, type RenderPage, renderRefusedRequest, requestId } from './http/pages.ts'
import { createTemplates } from './http/templates.ts'
import { deliveriesSucceeded, deliveryFailed, lockForSettling } from './installs/settle-delivery.ts'
import { retireApp, tellHolders } from './key-life/change-app.ts'
import { shrinkInstallations } from './key-life/shrink-app.ts'
import { createUsageRecorder, type UsageRecorder } from './keys/usage-recorder.ts'
import { createVerification, type Verification } from './keys/verification.ts'
import { createRateLimits, type RateLimits } from './limits/rate-limits.ts'
import { countOpenMails } from './mail/mail-store.ts'
import { createMailer, type Mailer } from './mail/mailer.ts'
import { createProvider, type ProviderCaps } from './oauth/provider.ts'
import { loadSigningKeys, renewSigningKeys, type SigningKeys } from './oauth/signing-keys.ts'
import { requireRoots } from './reencrypt.ts'

export const VIEWS = fileURLToPath(new URL('../views', import.meta.url))

/** How long a shutdown waits for receivers to respond before it gives up and leaves their deliveries to the next start. */
const PATIENCE = 4 * SECOND

const UNHEARD =
  'what other processes commit is not heard: this one looks for work every 2 s, and verifies without copies on PostgreSQL'

/** Everything that routes and commands work with, built once per process. */
export type Deps = Caps & {
  config: Config
  log: Log
  database: Database
  outbound: Outbound
  signing: SigningKeys
  /** For whatever does not sign. */
  provider: Provider
  /** The authorization server, with the signing keys of now; a request that has begun is finished with those it began with. */
  serveOAuth: ReturnType<Provider['callback']>
  worker: Worker
  /** Which loops run in this process, and which of them stand still. */
  pulses: Pulses
  writeProbe: WriteProbe
  mailer: Mailer
  metrics: Metrics
  metricSources: MetricSources
  usage: UsageRecorder
  verification: Verification
  render: RenderPage
  outwardPages: OutwardPages
  limits: RateLimits
  passwords: Passwords
  knownBrowser: KnownBrowserCookie
  sessionCookie: SessionCookie
  publicUrl: string
  keyBrand: string
  keyLimits: Config['keyLimits']
  review: Config['review']
  /** Forgets the authorization server's own session: it must never outlive or outvote ours. */
  clearProviderCookies(res: Response): void
  /** Accounts that hold keys of an app are told of it; those that are returned by the caller, in this transaction. */
  tellHolders(tx: Tx, appId: string, acts: readonly Act[]): Promise<string[]>
  /** The app that waits for an answer at an address of ours, and whom it suggests, for the sign-in page on the way there. */
  waitingApp(path: string): Promise<{ badge: ReturnType<typeof badgeOf>; loginHint?: string } | undefined>
  /** Work that goes on after its answer; a stop waits for it. It must not reject. */
  afterwards(work: Promise<void>): void
  close(): Promise<void>
}

/** What a process may bring instead of the real thing. */
export type Overrides = { clock?: Clock; random?: Random; log?: Log; outboundTimeoutMs?: number; lookup?: ResolveName }

/** Opens the database, migrates it, reads the secrets and builds the rest. Nothing listens or works yet. */
export async function createDeps(config: Config, overrides: Overrides = {}): Promise<Deps> {
  const clock = overrides.clock ?? systemClock
  const random = overrides.random ?? systemRandom
  const log = overrides.log ?? createLog(config.logLevel)
  const keyring = createKeyring(readRootSecrets(config, random), random)
  const database = connect(config.database)
  await migrate(database)
  await requireRoots(database, keyring).catch(async fault => {
    await database.close()
    throw fault
  })
  const activityKey = await loadActivityKey(database, { keyring, random })
  const caps: Caps = { clock, random, keyring, activityKey, ids: createIds(clock, random) }
  const outbound = createOutbound({
    allow: config.egressAllow,
    ...(overrides.outboundTimeoutMs && { timeoutMs: overrides.outboundTimeoutMs }),
    ...(overrides.lookup && { lookup: overrides.lookup }),
  })
  const signing = await loadSigningKeys(database, caps)
  const { publicUrl, keyBrand, review, catalog, retrySchedule } = config

  const renderTemplate = createTemplates(VIEWS)
  const outwardPages = createOutwardPages(renderTemplate, config.brand.name)
  const providerCaps: ProviderCaps = {
    ...caps,
    database,
    outbound,
    catalog,
    review,
    publicUrl,
    log,
    signing,
    outwardPages,
    signUpOpen: config.signup === 'open',
    grantSilently: (appId, params, session) =>
      resumeAccess(database, { clock, provider, publicUrl }, { appId, params, session }),
    renderErrorPage: (res, error, signInFor) =>
      renderRefusedRequest(renderTemplate, config.brand.name, {
        ...error,
        ...{ status: res.statusCode, signInFor, requestId: requestId(res as Response) }, // Express mounts the provider
      }),
    hooks: {
      permissionsRemoved: (tx, app, removed) =>
        shrinkInstallations(tx, caps, app, removed, platformActor(app.platform.id, '')),
      tellHolders: (tx, appId, acts) => tellHolders(tx, caps, appId, acts),
      retire: async (appId, ip) => {
        const app = await database.read(tx => findApp(tx, appId))
        if (!app) return
        const jobCaps = { ...caps, database, log, publicUrl }
        await retireApp(jobCaps, { appId, actor: platformActor(app.platform.id, ip) })
      },
    },
  }
  const provider = createProvider(providerCaps)
  let serveOAuth = provider.callback()

  const limits = createRateLimits(config.rateLimits, { database, clock })
  const metrics = createMetrics()
  const pulses = createPulses(clock)
  const writeProbe = createWriteProbe({ database, clock, random })
  const worker = createWorker({
    ...caps,
    database,
    pulses,
    outbound: metrics.watched(outbound),
    retrySchedule,
    log,
    hooks: {
      lock: lockForSettling,
      delivered: (tx, settled) => deliveriesSucceeded(tx, caps, settled),
      failed: (tx, settled) => deliveryFailed(tx, caps, settled),
    },
    ended: metrics.ended,
  })

  database.changes.listen(worker.hear)

  const { dataDir, smtpUrl, brand } = config
  const mailer = createMailer({
    ...{ database, clock, random, log, views: VIEWS, dataDir, smtpUrl, publicUrl },
    ...{ brandName: brand.name, logoFile: brand.logoFile },
  })

  const underWay = new Set<Promise<void>>()
  const afterwards = (work: Promise<void>): void => {
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }

  const renewal = createRunner({
    ...{ clock, log, name: 'signing keys', heard: () => database.changes.connected(), shortestSleep: 0 },
    async work() {
      if (await renewSigningKeys(database, caps, signing)) serveOAuth = createProvider(providerCaps).callback()
      return undefined
    },
  })
  let closing = false
  const renew = (): void => {
    if (closing) return
    renewal.start()
    renewal.wake()
  }
  database.changes.listen(change => {
    if (change === 'anything' || change === 'signing-keys') renew()
  })
  database.changes.watch(heard => {
    renew()
    if (heard) log.info({}, 'changes of other processes are heard again')
    else log.warn({}, UNHEARD)
  })
  const usage = createUsageRecorder({ database, clock, log })
  const verification = createVerification({ database, clock, usage, log })

  return {
    ...caps,
    config,
    log,
    database,
    outbound,
    signing,
    provider,
    serveOAuth: (req, res) => serveOAuth(req, res),
    worker,
    pulses,
    writeProbe,
    mailer,
    metrics,
    metricSources: {
      verifications: () => verification.counts,
      queue: () => database.read(tx => queueState(tx, clock.now())),
      mails: () => database.read(tx => countOpenMails(tx)),
      changesHeard: () => database.changes.connected(),
      now: () => clock.now(),
    },
    usage,
    verification,
    render: createPages(renderTemplate, config.brand.name),
    limits,
    passwords: createPasswords({ bounded: config.rateLimits }),
    knownBrowser: createKnownBrowserCookie(caps, publicUrl),
    outwardPages,
    sessionCookie: createSessionCookie(publicUrl),
    publicUrl,
    keyBrand,
    keyLimits: config.keyLimits,
    review,
    clearProviderCookies: res => {
      for (const name of ['latchkey_provider', 'latchkey_provider.sig'])
        res.clearCookie(name, { path: '/', httpOnly: true })
    },
    tellHolders: (tx, appId, acts) => tellHolders(tx, caps, appId, acts),
    waitingApp: async path => {
      const waiting = await findWaitingApp(database, provider, path)
      return waiting && { ...waiting, badge: badgeOf(waiting.app) }
    },
    afterwards,
    close: async () => {
      closing = true
      await Promise.all([...underWay, renewal.stop()])
      const impatient = setTimeout(() => void outbound.hangUp(), PATIENCE)
      await worker.stop()
      clearTimeout(impatient)
      await outbound.hangUp()
      await usage.stop()
      await writeProbe
        .clear()
        .catch(error => log.debug({ err: error }, 'the row of a write probe could not be deleted'))
      await database.close()
    },
  }
}

function platformActor(id: string, ip: string): Platform {
  return { type: 'platform', id, ip }
}
