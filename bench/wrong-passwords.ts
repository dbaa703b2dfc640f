/**
 * The effect of password guessing on others: warm and cold verification and an owner's *Expire*, in turns: calm (no load);
 * while a page that does no work is requested as often (the control: the cost of the machine and the client); while a
 * separate process hashes as much at the lowest priority (the cost of hashing on this machine); and under 1,000 wrong
 * passwords a minute from 100 addresses. About 45 seconds for each database.
 *
 *   node bench/wrong-passwords.ts [--sqlite | --postgres] [--rounds=N] [--seconds=N] [--profile=FOLDER]
 */
import { parseArgs } from 'node:util'
import { Pool } from 'undici'
import { createAuthorizationClient } from './authorization-client.ts'
import { startChild } from './child-server.ts'
import { openDatabases } from './databases.ts'
import { signUp } from './growth/customers.ts'
import { startKeyReceiver } from './key-receiver.ts'
import { installFor, isValid, press } from './portal-calls.ts'
import { runStatements } from './run-statements.ts'
import { callSteadily } from './steady-load.ts'
import { printTurns, takeTurns } from './turns.ts'
import { benchKey, benchKeyId } from './verification/bench-keys.ts'
import { fillKeys } from './verification/fill-keys.ts'
import { prepare } from './verification/prepare.ts'

const KEYS = 10_000
const EXPIRED_FROM = 9_000
const PER_MINUTE = 1_000
const ADDRESSES = 100
/** People who expire keys in turn, because of the limit on forms per person. */
const OWNERS = 5

const { values: flags } = parseArgs({
  options: {
    sqlite: { type: 'boolean' },
    postgres: { type: 'boolean' },
    rounds: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '2.5' },
    profile: { type: 'string' },
  },
})
const both = Boolean(flags.sqlite) === Boolean(flags.postgres)
for (const kind of ['sqlite', 'postgres'] as const) if (both || flags[kind]) await measure(kind)

async function measure(kind: 'sqlite' | 'postgres'): Promise<void> {
  const [databases, receiver] = [await openDatabases(kind), await startKeyReceiver()]
  const hasher = await startChild({ script: 'bench/passwords/hash-apart.ts', env: {} })
  try {
    const prepared = await prepare(databases, receiver, { keys: 0 })
    const owners = await settle(prepared)
    const env = { ...prepared.env, RATE_LIMITS: 'on', TRUST_PROXY: '1' }
    const server = await startChild({ script: 'server/main.ts', env, profileDir: flags.profile })
    const origin = originOf(prepared)
    const [pool, strangers] = [new Pool(origin, { connections: 16 }), new Pool(origin, { connections: 64 })]
    const apart = new Pool(hasher.firstLine)
    const statuses: Record<number, number> = {}
    const during = createDuring(pool, prepared, owners)
    const get = async (from: Pool, path: string) => await (await from.request({ path, method: 'GET' })).body.dump()
    let tried = 0
    const phases = {
      calm: () => during(),
      control: () => during(() => get(strangers, '/healthz')),
      apart: () => during(() => get(apart, '/')),
      attack: () => during(() => guess(strangers, origin, tried++, statuses)),
    }
    for (const phase of Object.values(phases)) await phase() // warm-up: compiles the code
    const results = await takeTurns(phases, Number(flags.rounds))
    await Promise.all([pool.close(), strangers.close(), apart.close()])
    await server.stop()
    const counts = JSON.stringify(statuses)
    printTurns(`${kind}: milliseconds; attack: ${PER_MINUTE} wrong passwords a minute, which got ${counts}`, results)
  } finally {
    await hasher.stop()
    receiver.close()
    await databases.close()
  }
}

type Prepared = Awaited<ReturnType<typeof prepare>>

function originOf({ env }: Prepared): string {
  return env['PUBLIC_URL'] ?? ''
}

/** Inserts keys and signs up the people who expire them; returns their cookies. */
async function settle(prepared: Prepared): Promise<string[]> {
  const { env, app, cookie, database } = prepared
  const origin = originOf(prepared)
  const server = await startChild({ script: 'server/main.ts', env })
  const client = createAuthorizationClient(origin, { authorization: '/oauth/authorize', token: '/oauth/token' }, app, 1)
  const of = await installFor(client, cookie)
  await client.close()
  const owners: string[] = []
  for (let owner = 0; owner < OWNERS; owner += 1) owners.push(await signUp(origin, ownerEmail(owner)))
  await server.stop()
  await fillKeys({ database, appId: app.id, keys: KEYS, real: KEYS, of })
  await runStatements(
    database,
    owners.map((_, owner) => give(owner)),
  )
  return owners
}

/** Measures verification and *Expire* while `call`, if any, runs as often as passwords are guessed. */
function createDuring(pool: Pool, prepared: Prepared, owners: readonly string[]) {
  const origin = originOf(prepared)
  const verify = async (index: number) => {
    if (!(await isValid(pool, prepared.verifierKey, benchKey(index)))) throw new Error('a good key was refused')
  }
  const expire = (index: number) =>
    press(pool, { origin, cookie: owners[index % OWNERS] ?? '' }, `/keys/${benchKeyId(index)}/expire`)
  let [cold, expired] = [1, EXPIRED_FROM]
  const calls = {
    warm: { perSecond: 100, call: () => verify(0) },
    cold: { perSecond: 50, call: () => verify(cold++) },
    expire: { perSecond: 5, call: () => expire(expired++) },
  }
  return async (call?: () => Promise<unknown>) => {
    const milliseconds = 1_000 * Number(flags.seconds)
    const others = call && callSteadily({ strangers: { perSecond: PER_MINUTE / 60, call } }, milliseconds)
    const [times] = await Promise.all([callSteadily(calls, milliseconds), others])
    return times
  }
}

/** Signs in with an unknown email from one of the addresses, and counts the status of the response. */
async function guess(from: Pool, origin: string, number: number, statuses: Record<number, number>): Promise<void> {
  const headers = {
    origin,
    'sec-fetch-site': 'same-origin',
    'content-type': 'application/x-www-form-urlencoded',
    'x-forwarded-for': `198.51.100.${number % ADDRESSES}`,
  }
  const body = `email=person${number}%40example.com&password=wrong+password+here`
  const answer = await from.request({ path: '/signin', method: 'POST', headers, body })
  await answer.body.dump()
  statuses[answer.statusCode] = (statuses[answer.statusCode] ?? 0) + 1
}

function ownerEmail(owner: number): string {
  return `owner${owner}@example.com`
}

/** Makes every fifth of the keys to be expired a restricted key of that owner. */
function give(owner: number): string {
  const number = 'cast(substr(id, 5) as bigint)'
  const account = `select account_id from memberships join users on users.id = user_id where email = '${ownerEmail(owner)}'`
  return `update keys set account_id = (${account}), installation_id = null, app_id = null, kind = 'restricted'
    where id like 'key_000%' and ${number} >= ${EXPIRED_FROM} and ${number} % ${OWNERS} = ${owner}`
}
