/**
 * What others notice of customers with 20,000 keys: verifications of keys in memory (warm) and not yet in memory (cold), and
 * *Expire* of another account, in turns: calm; while somebody asks for a page that does nothing as often (the control: what the
 * machine and the client cost); and while such a customer opens their pages one after the other and uninstalls. Each round
 * has a customer of its own. About 45 seconds for each database.
 *
 *   node bench/growth.ts [--sqlite | --postgres] [--tree=FOLDER] [--rounds=N] [--seconds=N] [--profile=FOLDER]
 *
 * `--tree` measures another checkout of the project with its own code, from this one's command. Run it on a quiet machine:
 * figures depend on it, their ratio travels.
 */
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Pool } from 'undici'
import { type Customer, giveKeys, signUp } from './growth/customers.ts'
import { rounded } from './statistics.ts'
import { callSteadily } from './steady-load.ts'
import { printTurns, takeTurns } from './turns.ts'
import { printTable } from './verification/table.ts'

const { values: flags } = parseArgs({
  options: {
    sqlite: { type: 'boolean' },
    postgres: { type: 'boolean' },
    tree: { type: 'string', default: resolve(import.meta.dirname, '..') },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2.5' },
    profile: { type: 'string' },
  },
})
const ROUNDS = Number(flags.rounds)
const PHASE_MS = 1_000 * Number(flags.seconds)
/** Of each customer, and as many that belong to others. */
const KEYS = 20_000
const WARM = 200
const EXPIRABLE = 1_000
/** Between two pages of a customer, in milliseconds. */
const THINKING = 200

const from = async <Module>(path: string) => (await import(pathToFileURL(resolve(flags.tree, path)).href)) as Module
const { openDatabases } = await from<typeof import('./databases.ts')>('bench/databases.ts')
const { startKeyReceiver } = await from<typeof import('./key-receiver.ts')>('bench/key-receiver.ts')
const { prepare } = await from<typeof import('./verification/prepare.ts')>('bench/verification/prepare.ts')
const { startChild } = await from<typeof import('./child-server.ts')>('bench/child-server.ts')
const { benchKey, benchKeyId } = await from<typeof import('./verification/bench-keys.ts')>(
  'bench/verification/bench-keys.ts',
)
const { createAuthorizationClient } = await from<typeof import('./authorization-client.ts')>(
  'bench/authorization-client.ts',
)

const both = Boolean(flags.sqlite) === Boolean(flags.postgres)
for (const kind of (['sqlite', 'postgres'] as const).filter(kind => both || flags[kind])) await measure(kind)

async function measure(kind: 'sqlite' | 'postgres'): Promise<void> {
  const [databases, receiver] = [await openDatabases(kind), await startKeyReceiver()]
  try {
    const stride = ROUNDS + 1
    const prepared = await prepare(databases, receiver, { keys: stride * KEYS, real: KEYS })
    const { env, verifierKey, app, database } = prepared
    const origin = env['PUBLIC_URL'] ?? ''
    const first = await startChild({ script: 'server/main.ts', env })
    const endpoints = { authorization: '/oauth/authorize', token: '/oauth/token' }
    const client = createAuthorizationClient(origin, endpoints, app, 1)
    const customers: Customer[] = []
    for (let number = 1; number <= ROUNDS; number += 1) {
      const cookie = await signUp(origin, `customer${number}@example.com`)
      const { tokens } = await client.authorize(cookie)
      const [detail] = tokens['authorization_details'] as { account_id: string; installation_id: string }[]
      customers.push({ cookie, accountId: detail?.account_id ?? '', installationId: detail?.installation_id ?? '' })
    }
    await client.close()
    const quiet = await signUp(origin, 'quiet@example.com')
    await first.stop()
    await giveKeys(database, { customers, quiet: 'quiet@example.com', below: stride * EXPIRABLE })

    const server = await startChild({ script: 'server/main.ts', env, profileDir: flags.profile })
    const pool = new Pool(origin, { connections: 16 })
    const verify = async (index: number) => {
      const headers = { authorization: `Bearer ${verifierKey}`, 'content-type': 'application/json' }
      const body = JSON.stringify({ key: benchKey(index) })
      const answer = await pool.request({ path: '/v1/keys/verify', method: 'POST', headers, body })
      if (!((await answer.body.json()) as { valid: boolean }).valid) throw new Error(`key ${index} was refused`)
    }
    const press = async (path: string, cookie: string, body?: string): Promise<void> => {
      const type = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
      const headers = { ...type, origin, cookie, 'sec-fetch-site': 'same-origin' }
      const method = body === undefined ? 'GET' : 'POST'
      const answer = await pool.request({ path, method, headers, body: body ?? null })
      await answer.body.dump({ limit: 2 ** 30 })
      if (answer.statusCode >= 400) throw new Error(`${path}: ${answer.statusCode}`)
    }
    let [expired, asked, cold] = [0, 0, 0]
    const kinds = {
      warm: { perSecond: 100, call: () => verify(EXPIRABLE + (asked++ % WARM)) },
      cold: { perSecond: 50, call: () => verify(EXPIRABLE + WARM + cold++) },
      expire: { perSecond: 5, call: () => press(`/keys/${benchKeyId(stride * expired++)}/expire`, quiet, '') },
    }

    const slowest = new Map<string, number>()
    /** A customer's requests, as they are or all for the page that does nothing. */
    const visit = async ({ cookie, installationId: id }: Customer, nothing: boolean) => {
      const until = performance.now() + PHASE_MS
      const look = async (path: string, body?: string) => {
        const began = performance.now()
        if (nothing) await press('/healthz', cookie)
        else await press(path, cookie, body)
        const name = nothing ? '/healthz' : path.replace(id, '{id}') + (body === undefined ? '' : ' (POST)')
        slowest.set(name, Math.max(slowest.get(name) ?? 0, performance.now() - began))
        await setTimeout(THINKING)
      }
      const pages = ['/apps', `/apps/${id}`, '/keys', `/apps/${id}/uninstall`]
      while (performance.now() < until - PHASE_MS / 3) for (const page of pages) await look(page)
      await look(`/apps/${id}/uninstall`, 'keys=expire')
      while (performance.now() < until) for (const page of ['/apps', '/keys']) await look(page)
    }
    const during = async (customer: Customer | undefined, nothing = false) => {
      const [times] = await Promise.all([callSteadily(kinds, PHASE_MS), customer && visit(customer, nothing)])
      return times
    }
    for (let index = 0; index < WARM; index += 1) await kinds.warm.call()
    for (const page of ['/apps', '/keys', '/healthz']) await press(page, customers[0]?.cookie ?? '')
    await callSteadily(kinds, 2_000) // the code is compiled by now
    const phases = {
      calm: () => during(undefined),
      control: (round: number) => during(customers[round], true),
      load: (round: number) => during(customers[round]),
    }
    const results = await takeTurns(phases, ROUNDS)
    await pool.close()
    await server.stop()
    printTurns(`${kind}: milliseconds; load: a customer with ${KEYS} keys opens their pages and uninstalls`, results)
    printTable(
      'The slowest of the customers’ own requests, in milliseconds',
      [...slowest].map(([path, ms]) => ({ path, ms: rounded(ms) })),
    )
  } finally {
    receiver.close()
    await databases.close()
  }
}
