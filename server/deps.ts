import { fileURLToPath } from 'node:url'
import type { Response } from 'express'
import type { Provider } from 'oidc-provider'
import { badgeOf } from '../apps-registry/listing-page.ts'
import type { Tx } from '../db/connect.ts'
import { createWriteProbe, type WriteProbe } from '../db/write-probe.ts'
import { createPasswords, type Passwords } from './accounts/password.ts'
import type { Act } from './audit/record-activity.ts'
import { SECOND } from './base/clock.ts'
import { createPulses, type Pulses } from './base/pulses.ts'
import { createUnderWay, type UnderWay } from './base/under-way.ts'
import { type BaseDeps, createBaseDeps, type Overrides } from './base-deps.ts'
import type { Config } from './config.ts'
import { findWaitingApp } from './consent/find-waiting-app.ts'
import { queueState } from './deliveries/queue-store.ts'
import { createWorker, type Worker } from './deliveries/worker.ts'
import { createMetrics, type MetricSources, type Metrics } from './http/metrics.ts'
import { createOutwardPages, type OutwardPages } from './http/outward-pages.ts'
import { createPages, type RenderPage } from './http/pages.ts'
import { createTemplates } from './http/templates.ts'
import { lockInstallations } from './installs/lock-installation.ts'
import { deliveriesSucceeded, deliveryFailed } from './installs/settle-delivery.ts'
import { logForKeyAccounts } from './key-life/change-app.ts'
import { createUsageRecorder, type UsageRecorder } from './keys/usage-recorder.ts'
import { createVerification, type Verification } from './keys/verification.ts'
import { createRateLimits, type RateLimits } from './limits/rate-limits.ts'
import { countOpenMails } from './mail/mail-store.ts'
import { createMailer, type Mailer } from './mail/mailer.ts'
import { clearProviderCookies } from './oauth/clear-provider-cookies.ts'
import type { RenewingProvider } from './oauth/renewing-provider.ts'
import { loadSigningKeys, type SigningKeys } from './oauth/signing-keys.ts'
import { createOAuth } from './oauth-deps.ts'
import { createSignInDeps, type SignInDeps } from './sign-in-deps.ts'

export const VIEWS = fileURLToPath(new URL('../views', import.meta.url))

/** How long a shutdown waits for receivers to respond, in milliseconds, before it leaves their deliveries to the next start. */
const PATIENCE = 4 * SECOND

const UNHEARD =
  'notifications from other processes do not arrive: polling for work every 2 s, and verifying without copies on PostgreSQL'

/** Everything that routes and commands use, built once per process. */
export type Deps = BaseDeps &
  SignInDeps & {
    signing: SigningKeys
    /** For everything that does not sign. */
    provider: Provider
    /** The authorization server with the current signing keys; a request in progress finishes with the keys it started with. */
    serveOAuth: ReturnType<Provider['callback']>
    worker: Worker
    /** Which loops run in this process, and which of them are stuck. */
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
    /** Clears the authorization server's own session cookie, so that it cannot outlive our session. */
    clearProviderCookies(res: Response): void
    /** Logs a change in the accounts with keys of an app. Returns those that the caller must log in this transaction. */
    logForKeyAccounts(tx: Tx, appId: string, acts: readonly Act[]): Promise<string[]>
    /** The app of the authorization request that waits at a path, and its `login_hint`, for the sign-in page. */
    waitingApp(path: string): Promise<{ badge: ReturnType<typeof badgeOf>; loginHint?: string } | undefined>
    /** Work that continues after the response; a shutdown waits for it. It must not reject. */
    afterwards(work: Promise<void>): void
    close(): Promise<void>
  }

/** Opens the database, migrates it, reads the secrets and builds the rest. Nothing listens or works yet. */
export async function createDeps(config: Config, overrides: Overrides = {}): Promise<Deps> {
  const base = await createBaseDeps(config, overrides)
  const { database, clock, log } = base
  const pages = pagesOf(config)
  const signing = await loadSigningKeys(database, base)
  const oauth = createOAuth(base, signing, pages)
  const limits = createRateLimits(config.rateLimits, { database, clock })
  const metrics = createMetrics()
  const pulses = createPulses(clock)
  const writeProbe = createWriteProbe(base)
  const worker = createDeliveryWorker(base, pulses, metrics)
  followChanges(base, worker, oauth)
  const underWay = createUnderWay()
  const usage = createUsageRecorder({ database, clock, log })
  const verification = createVerification({ database, clock, usage, log })
  return {
    ...base,
    signing,
    provider: oauth.provider,
    serveOAuth: oauth.serve,
    worker,
    pulses,
    writeProbe,
    metrics,
    usage,
    verification,
    limits,
    mailer: createPortalMailer(base),
    metricSources: metricSourcesOf(base, verification),
    render: pages.render,
    outwardPages: pages.outwardPages,
    passwords: createPasswords({ bounded: config.rateLimits }),
    ...createSignInDeps(base),
    clearProviderCookies,
    logForKeyAccounts: (tx, appId, acts) => logForKeyAccounts(tx, base, appId, acts),
    waitingApp: async path => {
      const waiting = await findWaitingApp(database, oauth.provider, path)
      return waiting && { ...waiting, badge: badgeOf(waiting.app) }
    },
    afterwards: underWay.add,
    close: () => closeAll(base, { oauth, underWay, worker, usage, writeProbe }),
  }
}

function pagesOf({ brand }: Config) {
  const renderTemplate = createTemplates(VIEWS)
  return {
    renderTemplate,
    render: createPages(renderTemplate, brand.name),
    outwardPages: createOutwardPages(renderTemplate, brand.name),
  }
}

function createDeliveryWorker(base: BaseDeps, pulses: Pulses, metrics: Metrics): Worker {
  return createWorker({
    ...base,
    pulses,
    outbound: metrics.watched(base.outbound),
    retrySchedule: base.config.retrySchedule,
    hooks: {
      lock: lockInstallations,
      delivered: (tx, settled) => deliveriesSucceeded(tx, base, settled),
      failed: (tx, settled) => deliveryFailed(tx, base, settled),
    },
    ended: metrics.ended,
  })
}

function createPortalMailer({ config, database, clock, random, keyring, log, publicUrl }: BaseDeps): Mailer {
  const { dataDir, smtpUrl, brand } = config
  return createMailer({
    database,
    clock,
    random,
    keyring,
    log,
    views: VIEWS,
    dataDir,
    smtpUrl,
    publicUrl,
    brandName: brand.name,
    logoFile: brand.logoFile,
  })
}

/** Forwards commits of other processes to everything that depends on them. */
function followChanges({ database, log }: BaseDeps, worker: Worker, { renew }: RenewingProvider): void {
  database.changes.listen(worker.hear)
  database.changes.listen(change => {
    if (change === 'anything' || change === 'signing-keys') renew()
  })
  database.changes.watch(heard => {
    renew()
    if (heard) log.info({}, 'notifications from other processes arrive again')
    else log.warn({}, UNHEARD)
  })
}

function metricSourcesOf({ database, clock }: BaseDeps, verification: Verification): MetricSources {
  return {
    verifications: () => verification.counts,
    queue: () => database.read(tx => queueState(tx, clock.now())),
    mails: () => database.read(tx => countOpenMails(tx)),
    changesHeard: () => database.changes.connected(),
    now: () => clock.now(),
  }
}

type Closing = Pick<Deps, 'worker' | 'usage' | 'writeProbe'> & { oauth: RenewingProvider; underWay: UnderWay }

async function closeAll({ database, outbound, log }: BaseDeps, closing: Closing): Promise<void> {
  const { oauth, underWay, worker, usage, writeProbe } = closing
  await Promise.all([underWay.settled(), oauth.stop()])
  const impatient = setTimeout(() => void outbound.hangUp(), PATIENCE)
  await worker.stop()
  clearTimeout(impatient)
  await outbound.hangUp()
  await usage.stop()
  await writeProbe.clear().catch(error => log.debug({ err: error }, 'the row of a write probe could not be deleted'))
  await database.close()
}
