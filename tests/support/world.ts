import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Configuration } from 'openid-client'
import { createPlatform } from '../../apps-registry/create-platform.ts'
import { moveApp } from '../../apps-registry/move-app.ts'
import { createSignInLink, HAND_OVER_LIFE } from '../../server/accounts/sign-in-links.ts'
import { signUp } from '../../server/accounts/sign-up.ts'
import { createListener } from '../../server/app.ts'
import type { Clock } from '../../server/base/clock.ts'
import type { Log } from '../../server/base/log.ts'
import type { ResolveName } from '../../server/base/resolve-name.ts'
import { readConfig } from '../../server/config.ts'
import { createDeps, type Deps } from '../../server/deps.ts'
import { UNDECLARED } from '../../server/http/operation-router.ts'
import { createVerifier } from '../../server/keys/verifiers.ts'
import { type Answer, type BrowserSession, createBrowserSession, type Fields } from './browser-session.ts'
import { migratedDatabaseUrl } from './database.ts'
import { authorizationUrl, discover, exchangeCode, type Tokens } from './oauth-client.ts'
import { type Encryption, type Receiver, startReceiver } from './receiver.ts'

export const PASSWORD = 'a long enough sentence'
/** Of every person: making one is meant to be slow, and once a process is enough. */
let passwordHash: Promise<string> | undefined
/** Who acts where a test does what the operator does. */
export const OPERATOR = { type: 'operator', id: 'tests', ip: '' } as const
/** Sessions are renewed where the clock was set by so much or more, in milliseconds. */
const SESSIONS_STEP = 30_000
export const REDIRECT = 'http://127.0.0.1:9/callback'

export type Person = { email: string; userId: string; accountId: string; accountName: string; browser: BrowserSession }
export type Platform = { person: Person; platformId: string; registrationToken: string }
export type Registered = {
  client_id: string
  client_secret: string
  webhook_secret: string
  status: string
  [member: string]: unknown
}
export type PublishedApp = {
  id: string
  registered: Registered
  receiver: Receiver
  platform: Platform
  client: Configuration
}
export type Installed = { id: string; generation: number; mode: string; permissions: string[]; tokens: Tokens }

/** One whole Latchkey in this process, on a database of its own, listening on loopback. */
export type World = AsyncDisposable & {
  url: string
  dataDir: string
  deps: Deps
  /** Real time plus what was advanced. The authorization server's own tokens follow real time only. */
  clock: Clock & {
    advance(ms: number): void
    /** The clock is set, forward or back, while no time passes. */
    set(ms: number): void
  }
  /** Everything that was logged, at every level, as JSON. */
  logs: string[]
  /**
   * A person with an account, signed in. `staysSignedIn`: their session neither ends nor grows old while the clock is
   * advanced, as if they had signed in again; true unless a test is about that.
   */
  person(options?: { email?: string; accountName?: string; staysSignedIn?: boolean }): Promise<Person>
  platform(name?: string): Promise<Platform>
  /** `POST /oauth/register` with a valid manifest and what `metadata` changes in it; undefined removes a member. */
  register(
    platform: Platform,
    receiver: Receiver,
    metadata?: Record<string, unknown>,
  ): Promise<{ status: number; body: Registered }>
  receiver(encryption?: Encryption): Promise<Receiver>
  /** A registered app with a receiver that knows its secret; published unless `draft`. */
  app(options?: { metadata?: Record<string, unknown>; draft?: boolean; encryption?: Encryption }): Promise<PublishedApp>
  /** The whole authorization request of an install: consent, code, tokens. */
  install(
    person: Person,
    app: PublishedApp,
    options?: { scope?: string; extra?: Record<string, string>; fields?: Fields },
  ): Promise<Installed>
  verify(key: string, more?: { permission?: string; ip?: string }): Promise<Record<string, unknown>>
  verifierKey: string
  /** Everything that is due is attempted, also where the worker does not run by itself. */
  deliver(): Promise<number>
}

export type WorldOptions = {
  env?: Record<string, string> /** Whether the worker runs by itself; default true. */
  worker?: boolean
  outboundTimeoutMs?: number
  /** How outbound calls resolve names. */
  lookup?: ResolveName
}

export async function createWorld({
  env = {},
  worker = true,
  outboundTimeoutMs,
  lookup,
}: WorldOptions = {}): Promise<World> {
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-test-'))
  const database = await migratedDatabaseUrl(dataDir)
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const config = readConfig({
    DATA_DIR: dataDir,
    DATABASE_URL: database.url,
    LATCHKEY_SECRET: 'a root secret that is used in tests only',
    PUBLIC_URL: url,
    EGRESS_ALLOW: '127.0.0.1/32',
    RATE_LIMITS: 'off',
    ...env,
  })
  let [offset, passed] = [0, 0]
  const clock = {
    now: () => Date.now() + offset,
    monotonic: () => performance.now() + passed,
    advance(ms: number) {
      offset += ms
      passed += ms
    },
    set(ms: number) {
      offset += ms
    },
  }
  const logs: string[] = []
  const deps = await createDeps(config, {
    clock,
    log: recordingLog(logs),
    ...(outboundTimeoutMs && { outboundTimeoutMs }),
    ...(lookup && { lookup }),
  })
  server.on('request', createListener(deps))
  await deps.database.changes.start()
  if (worker) deps.worker.start()
  const { verifierKey } = await deps.database.transaction(tx =>
    createVerifier(tx, deps, { name: 'tests', actor: OPERATOR }),
  )
  const receivers: Receiver[] = []
  const renewed = new Map<string, number>()

  /** After the clock was advanced, the sessions of a person are as young as they were. */
  async function signInAnew(userId: string): Promise<void> {
    const ahead = world.clock.now() - Date.now()
    const gone = ahead - (renewed.get(userId) ?? 0)
    if (Math.abs(gone) < SESSIONS_STEP) return
    renewed.set(userId, ahead)
    const { knex } = deps.database
    const times = ['seen_at', 'expires_at', 'authenticated_at'].map(name => [name, knex.raw('?? + ?', [name, gone])])
    await knex('sessions').where({ user_id: userId }).update(Object.fromEntries(times))
  }

  let people = 0

  const world: World = {
    url,
    dataDir,
    deps,
    clock,
    logs,
    verifierKey,
    async person({ email, accountName = 'Harbor Books', staysSignedIn = true } = {}) {
      people += 1
      const address = email ?? `person${people}@example.com`
      passwordHash ??= deps.passwords.hash(PASSWORD)
      const hash = await passwordHash
      const { user, account } = await deps.database.transaction(tx =>
        signUp(tx, deps, { email: address, passwordHash: hash, accountName, ip: '' }),
      )
      const browser = createBrowserSession(url, staysSignedIn ? () => signInAnew(user.id) : undefined)
      const answer = config.people.passwords
        ? await browser.post('/signin', { email: address, password: PASSWORD })
        : await signInByLink(deps, browser, { userId: user.id, accountId: account.id })
      assert.equal(answer.status, 303)
      return { email: address, userId: user.id, accountId: account.id, accountName, browser }
    },
    async platform(name = 'Shipyard, Inc.') {
      const person = await world.person({ accountName: name })
      const command = { accountId: person.accountId, name, actor: OPERATOR }
      const { platform, registrationToken } = await deps.database.transaction(tx => createPlatform(tx, deps, command))
      return { person, platformId: platform.id, registrationToken }
    },
    async register(platform, receiver, metadata = {}) {
      const answer = await fetch(`${url}/oauth/register`, {
        method: 'POST',
        headers: { authorization: `Bearer ${platform.registrationToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ ...sampleManifest(receiver), ...metadata }),
      })
      return { status: answer.status, body: (await answer.json()) as Registered }
    },
    async receiver(encryption) {
      const receiver = await startReceiver({ issuer: url, ...(encryption && { encryption }) })
      receiver.now = () => new Date(clock.now())
      receivers.push(receiver)
      return receiver
    },
    async app({ metadata = {}, draft = false, encryption } = {}) {
      const platform = await world.platform()
      const receiver = await world.receiver(encryption)
      const { status, body } = await world.register(platform, receiver, metadata)
      assert.equal(status, 201, JSON.stringify(body))
      receiver.secret = body.webhook_secret
      if (!draft)
        await deps.database.transaction(tx =>
          moveApp(tx, deps, { id: body.client_id, verb: 'publish', actor: OPERATOR }),
        )
      const client = await discover(url, { clientId: body.client_id, clientSecret: body.client_secret })
      return { id: body.client_id, registered: body, receiver, platform, client }
    },
    async install(person, app, { scope, extra, fields = {} } = {}) {
      const request = await authorizationUrl(app.client, {
        redirectUri: REDIRECT,
        ...(scope && { scope }),
        ...(extra && { extra }),
      })
      const page = await person.browser.follow(await person.browser.get(request.url.href))
      const back = await person.browser.follow(
        await person.browser.submit(page.form(), { decision: 'install', ...fields }),
      )
      assert.ok(back.location?.startsWith(REDIRECT), `${back.status} ${back.location} ${back.text.slice(0, 2_000)}`)
      const tokens = await exchangeCode(app.client, request, new URL(back.location ?? ''))
      return { ...installationOf(tokens), tokens }
    },
    async verify(key, more = {}) {
      const answer = await fetch(`${url}/v1/keys/verify`, {
        method: 'POST',
        headers: { authorization: `Bearer ${verifierKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ key, ...more }),
      })
      assert.equal(answer.status, 200)
      return (await answer.json()) as Record<string, unknown>
    },
    deliver: () => deps.worker.runDue(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      for (const receiver of receivers) await receiver.close()
      await deps.close()
      await database.drop()
      rmSync(dataDir, { recursive: true, force: true })
      assert.deepEqual(
        logs.filter(line => line.includes(UNDECLARED)),
        [],
      )
    },
  }
  return world
}

async function signInByLink(
  deps: Deps,
  browser: BrowserSession,
  person: { userId: string; accountId: string },
): Promise<Answer> {
  const link = await deps.database.transaction(tx => createSignInLink(tx, deps, { ...person, life: HAND_OVER_LIFE }))
  return await browser.submit((await browser.get(link.url)).form('/signin/link'))
}

/** A manifest that is right in every field. */
export function sampleManifest(receiver: Receiver): Record<string, unknown> {
  return {
    client_name: 'Shipyard Hosting',
    redirect_uris: [REDIRECT],
    key_delivery_uri: receiver.url,
    tagline: 'Deploys your shop and keeps its payment keys fresh.',
    description: 'Push a branch, and it goes online.\n\nPayments work at once.',
    categories: ['Hosting'],
    permissions: [
      { name: 'charges:read', purpose: 'To show today’s takings.' },
      { name: 'charges:write', purpose: 'To take payments.' },
      { name: 'customers:read', purpose: 'To fill in the customer.' },
    ],
    jwks: receiver.publicJwks(),
  }
}

/** The installation that a token response speaks of. */
export function installationOf(tokens: Tokens): Omit<Installed, 'tokens'> {
  const [detail] = (tokens['authorization_details'] ?? []) as Record<string, unknown>[]
  assert.ok(detail, 'the token response has no authorization_details')
  return {
    id: String(detail['installation_id']),
    generation: Number(detail['generation']),
    mode: String(detail['mode']),
    permissions: detail['permissions'] as string[],
  }
}

function recordingLog(lines: string[]): Log {
  const record = (level: string) => (fields: object, message: string) =>
    void lines.push(JSON.stringify({ level, ...readable(fields), message }))
  return { debug: record('debug'), info: record('info'), warn: record('warn'), error: record('error') }
}

/** Errors as pino writes them. */
function readable(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error ? { message: value.message, stack: value.stack } : value,
    ]),
  )
}
