/**
 * The effect of customers with 20,000 keys on others: verifications of keys in memory (warm) and not yet in memory (cold), and
 * *Expire* of another account, in turns: calm (no load); while a page that does no work is requested as often (the control: the cost
 * of the machine and the client); and while such a customer opens their pages one after another and uninstalls. Each round
 * has a customer of its own. About 45 seconds for each database.
 *
 *   node bench/growth.ts [--sqlite | --postgres] [--tree=FOLDER] [--rounds=N] [--seconds=N] [--profile=FOLDER]
 *
 * `--tree` measures another checkout of the project with its own code, from this one's command. Run it on a quiet machine:
 * figures depend on it, their ratio travels.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Pool } from 'undici'
import { type Customer, giveKeys, signUp } from './growth/customers.ts'
import { type Slowest, visit } from './growth/visit.ts'
import { installFor, isValid, look, press } from './portal-calls.ts'
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
/** Keys of each customer; others together have as many. */
const KEYS = 20_000
const WARM = 200
const EXPIRABLE = 1_000
/** The distance between a customer's key numbers. */
const STRIDE = ROUNDS + 1

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
    const prepared = await prepare(databases, receiver, { keys: STRIDE * KEYS, real: KEYS })
    const people = await settle(prepared)
    const server = await startChild({ script: 'server/main.ts', env: prepared.env, profileDir: flags.profile })
    const pool = new Pool(originOf(prepared), { connections: 16 })
    const slowest: Slowest = new Map()
    const results = await takeTurns(await createPhases(pool, prepared, people, slowest), ROUNDS)
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

type Prepared = Awaited<ReturnType<typeof prepare>>
type People = { customers: Customer[]; quiet: string }

function originOf({ env }: Prepared): string {
  return env['PUBLIC_URL'] ?? ''
}

/** Signs up a customer per round and an idle person, and assigns them their keys. */
async function settle(prepared: Prepared): Promise<People> {
  const { env, app, database } = prepared
  const origin = originOf(prepared)
  const server = await startChild({ script: 'server/main.ts', env })
  const endpoints = { authorization: '/oauth/authorize', token: '/oauth/token' }
  const client = createAuthorizationClient(origin, endpoints, app, 1)
  const customers: Customer[] = []
  for (let number = 1; number <= ROUNDS; number += 1) {
    const cookie = await signUp(origin, `customer${number}@example.com`)
    customers.push({ cookie, ...(await installFor(client, cookie)) })
  }
  await client.close()
  const quiet = await signUp(origin, 'quiet@example.com')
  await server.stop()
  await giveKeys(database, { customers, quiet: 'quiet@example.com', below: STRIDE * EXPIRABLE })
  return { customers, quiet }
}

/** The phases that are measured in turns; their code is already compiled. */
async function createPhases(pool: Pool, prepared: Prepared, { customers, quiet }: People, slowest: Slowest) {
  const origin = originOf(prepared)
  const owner = { origin, cookie: quiet }
  const verify = async (index: number) => {
    if (!(await isValid(pool, prepared.verifierKey, benchKey(index)))) throw new Error(`key ${index} was refused`)
  }
  let [expired, asked, cold] = [0, 0, 0]
  const kinds = {
    warm: { perSecond: 100, call: () => verify(EXPIRABLE + (asked++ % WARM)) },
    cold: { perSecond: 50, call: () => verify(EXPIRABLE + WARM + cold++) },
    expire: { perSecond: 5, call: () => press(pool, owner, `/keys/${benchKeyId(STRIDE * expired++)}/expire`) },
  }
  const during = async (customer?: Customer, nothing = false) => {
    const options = { milliseconds: PHASE_MS, nothing, slowest }
    const visiting = customer && visit(pool, origin, customer, options)
    const [times] = await Promise.all([callSteadily(kinds, PHASE_MS), visiting])
    return times
  }
  for (let index = 0; index < WARM; index += 1) await kinds.warm.call()
  const someone = { origin, cookie: customers[0]?.cookie ?? '' }
  for (const page of ['/apps', '/keys', '/healthz']) await look(pool, someone, page)
  await callSteadily(kinds, 2_000)
  return {
    calm: () => during(),
    control: (round: number) => during(customers[round], true),
    load: (round: number) => during(customers[round]),
  }
}
