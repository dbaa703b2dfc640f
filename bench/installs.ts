/**
 * Measures installs, on loopback, in about two minutes (three on PostgreSQL), and prints a table and then one line of JSON.
 *
 *   node bench/installs.ts [--postgres] [--profile=FOLDER]
 *
 * 1. Installs per second through the whole HTTP flow (see authorization-client.ts), IN_FLIGHT at once, each by a fresh
 *    person in an account of their own, against Latchkey as a process of its own (server/main.ts as operators run it, web
 *    and worker in one process, LOG_LEVEL=warn, RATE_LIMITS=off), beside a bare oidc-provider in memory (bare-provider.ts)
 *    to which the same client sends the same five requests. Rounds alternate, and each order of the two occurs, so that a noisy
 *    machine disturbs both; the ratio is that of the medians. A round of Latchkey's counts from the first request to the
 *    last token, with the deliveries of the round competing for the same process; "to the last key" counts until the
 *    receiver has every key of the round.
 * 2. From pressing "Install app" (the moment the consent form is sent) to the sealed key's arrival at the receiver, which
 *    acknowledges it at once: one install after the other, and within the rounds of 1.
 * 3. Memory of Latchkey's process, after the first WARM_UP installs and after INSTALLS more (the sequential ones and the
 *    rounds together): VmRSS as it is, and the live heap after a forced collection. RSS grows mostly because the collector
 *    lets the heap grow under load; the live heap is what an install leaves behind.
 * 4. Start to ready: from spawn to the line that says it listens, median of STARTS, on an empty data folder (which
 *    includes migrations and key generation) and on the one that holds everything above.
 *
 * Not measured: sign-up and sign-in (password hashing is slow on purpose), TLS, and the network. Figures depend on the
 * machine; the ratio travels.
 */
import { parseArgs } from 'node:util'
import { freePort } from '../tests/support/free-port.ts'
import { type AuthorizationClient, type Client, createAuthorizationClient } from './authorization-client.ts'
import { type ChildServer, startChild } from './child-server.ts'
import { openDatabases } from './databases.ts'
import { inFlight } from './in-flight.ts'
import { startKeyReceiver } from './key-receiver.ts'
import { type Figures, print, type Round } from './print.ts'
import { createPeople, registerApp } from './setup.ts'

const IN_FLIGHT = 8
const ROUNDS = 4
const WARM_UP = 100
const SEQUENTIAL = 320
const PER_ROUND = 170
const INSTALLS = SEQUENTIAL + ROUNDS * PER_ROUND
/** The bare provider is faster: with more requests its rounds take about as long. */
const BARE_WARM_UP = 600
const BARE_PER_ROUND = 700
const STARTS = 5

const { values: flags } = parseArgs({ options: { postgres: { type: 'boolean' }, profile: { type: 'string' } } })
const databases = await openDatabases(flags.postgres ? 'postgres' : 'sqlite')
const receiver = await startKeyReceiver()
try {
  print(await measure())
} finally {
  receiver.close()
  await databases.close()
}

async function measure(): Promise<Figures> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const environment = async () => ({
    ...(await databases.next()),
    PORT: String(port),
    PUBLIC_URL: origin,
    EGRESS_ALLOW: '127.0.0.1/32',
    REVIEW: 'off',
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'warn',
  })
  const empty = await startTimes(environment)

  const env = await environment()
  const { cookies, registrationToken } = await createPeople(env, WARM_UP + INSTALLS)
  const take = (count: number) => cookies.splice(0, count)
  const server = await startChild({ script: 'server/main.ts', env, memory: true, profileDir: flags.profile })
  const app = await registerApp(origin, registrationToken, receiver)
  const client = createAuthorizationClient(
    origin,
    { authorization: '/oauth/authorize', token: '/oauth/token' },
    app,
    IN_FLIGHT,
  )
  const bare = await startBare(app)

  await inFlight(take(WARM_UP), IN_FLIGHT, cookie => installToKey(client, cookie))
  await bareRound(bare.client, BARE_WARM_UP)
  const before = await server.memory()
  const sequential = await inFlight(take(SEQUENTIAL), 1, cookie => installToKey(client, cookie))
  const rounds = { latchkey: [] as Round[], bare: [] as number[] }
  for (let round = 0; round < ROUNDS; round += 1) {
    const ours = async () => void rounds.latchkey.push(await latchkeyRound(client, take(PER_ROUND)))
    const theirs = async () => void rounds.bare.push(await bareRound(bare.client, BARE_PER_ROUND))
    for (const turn of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) await turn()
  }
  const after = await server.memory()
  if ((await receiver.openLatest()) !== 'lkm_live_') throw new Error('what arrived was no managed key')
  await stopAll(client, server)
  await stopAll(bare.client, bare.server)

  const filled = await startTimes(async () => env)
  const common = { database: databases.kind, inFlight: IN_FLIGHT, installs: INSTALLS }
  return { ...common, ...rounds, sequential, memory: { before, after }, start: { empty, filled } }
}

async function startTimes(environment: () => Promise<Record<string, string>>): Promise<number[]> {
  const times: number[] = []
  for (let start = 0; start < STARTS; start += 1) {
    const env = await environment()
    const server = await startChild({ script: 'server/main.ts', env })
    times.push(server.readyAfter)
    const answer = await fetch(`${env['PUBLIC_URL']}/readyz`, { headers: { connection: 'close' } })
    if (!answer.ok) throw new Error(`it said that it listens, and answered ${answer.status}`)
    await server.stop()
  }
  return times
}

async function startBare({ id, secret, redirectUri }: Client) {
  const port = String(await freePort())
  const env = { PORT: port, CLIENT_ID: id, CLIENT_SECRET: secret, REDIRECT_URI: redirectUri }
  const server = await startChild({ script: 'bench/bare-provider.ts', env })
  const endpoints = { authorization: '/auth', token: '/token' }
  const client = createAuthorizationClient(
    `http://127.0.0.1:${port}`,
    endpoints,
    { id, secret, redirectUri },
    IN_FLIGHT,
  )
  return { server, client }
}

/** Milliseconds from sending the form to the key's arrival. */
async function installToKey(client: AuthorizationClient, cookie: string): Promise<number> {
  const { pressedAt, tokens } = await client.authorize(cookie)
  return (await receiver.arrival(installationOf(tokens))) - pressedAt
}

async function latchkeyRound(client: AuthorizationClient, cookies: readonly string[]): Promise<Round> {
  const from = performance.now()
  const installs = await inFlight(cookies, IN_FLIGHT, cookie => client.authorize(cookie))
  const untilToken = performance.now() - from
  const arrivals = await Promise.all(installs.map(({ tokens }) => receiver.arrival(installationOf(tokens))))
  return {
    perSecond: (cookies.length * 1_000) / untilToken,
    perSecondToKey: (cookies.length * 1_000) / (Math.max(...arrivals) - from),
    toKey: installs.map(({ pressedAt }, index) => (arrivals[index] ?? Number.NaN) - pressedAt),
  }
}

async function bareRound(client: AuthorizationClient, count: number): Promise<number> {
  const from = performance.now()
  await inFlight(Array(count).fill(''), IN_FLIGHT, () => client.authorize(''))
  return (count * 1_000) / (performance.now() - from)
}

function installationOf(tokens: Record<string, unknown>): string {
  const [detail] = (tokens['authorization_details'] ?? []) as { installation_id?: string }[]
  if (!detail?.installation_id) throw new Error('the token response names no installation')
  return detail.installation_id
}

async function stopAll(client: AuthorizationClient, server: ChildServer): Promise<void> {
  await client.close()
  await server.stop()
}
