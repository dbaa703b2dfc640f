/**
 * What others notice of one customer with 20,000 keys: verifications of keys in memory (warm) and not yet in memory (cold),
 * and *Expire* of another account, calm and while that customer opens their pages one after the other and uninstalls.
 *
 *   node bench/growth.ts [--sqlite | --postgres] [--tree=FOLDER] [--seconds=N]
 *
 * `--tree` measures another checkout of the project with its own code, from this one's command. Takes under a minute for
 * each database. Run it on a quiet machine: figures depend on it, their ratio travels.
 */
import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { Pool } from 'undici'
import { percentile, rounded } from './statistics.ts'
import { printTable } from './verification/table.ts'

const { values: flags } = parseArgs({
  options: {
    sqlite: { type: 'boolean' },
    postgres: { type: 'boolean' },
    tree: { type: 'string', default: resolve(import.meta.dirname, '..') },
    seconds: { type: 'string', default: '10' },
  },
})
const KEYS = 20_000
/** Of these every second is the large customer's; the others belong to many accounts. */
const ALL = 2 * KEYS
const WARM = 200
const EXPIRABLE = 1_000
const PER_SECOND = { warm: 100, cold: 50, expire: 5 }
/** Between two pages of the large customer, in milliseconds. */
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
    const { env, verifierKey, app, cookie, database } = await prepare(databases, receiver, { keys: ALL })
    const origin = env['PUBLIC_URL'] ?? ''
    const first = await startChild({ script: 'server/main.ts', env })
    const endpoints = { authorization: '/oauth/authorize', token: '/oauth/token' }
    const client = createAuthorizationClient(origin, endpoints, app, 1)
    const { tokens } = await client.authorize(cookie)
    await client.close()
    const [detail] = tokens['authorization_details'] as { account_id: string; installation_id: string }[]
    const quiet = await signUp(origin)
    await first.stop()
    await giveKeys(database, detail?.account_id ?? '', detail?.installation_id ?? '')

    const server = await startChild({ script: 'server/main.ts', env })
    const pool = new Pool(origin, { connections: 16 })
    const verify = async (index: number) => {
      const headers = { authorization: `Bearer ${verifierKey}`, 'content-type': 'application/json' }
      const body = JSON.stringify({ key: benchKey(index) })
      const answer = await pool.request({ path: '/v1/keys/verify', method: 'POST', headers, body })
      if (!((await answer.body.json()) as { valid: boolean }).valid) throw new Error(`key ${index} was refused`)
    }
    const press = async (path: string, who: string, body?: string): Promise<void> => {
      const form = {
        ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
        origin,
        cookie: who,
      }
      const headers = { ...form, 'sec-fetch-site': 'same-origin' }
      const answer = await pool.request({
        path,
        method: body === undefined ? 'GET' : 'POST',
        headers,
        body: body ?? null,
      })
      await answer.body.dump({ limit: 2 ** 30 })
      if (answer.statusCode >= 400) throw new Error(`${path}: ${answer.statusCode}`)
    }
    /** Others' keys have even numbers: the first are expired, the next are warm, and the rest is asked for once each. */
    let [expired, asked] = [0, 0]
    const kinds = {
      warm: () => verify(2 * (EXPIRABLE + (asked++ % WARM))),
      cold: () => verify(2 * (EXPIRABLE + WARM + cold++)),
      expire: () => press(`/keys/${benchKeyId(2 * expired++)}/expire`, quiet, ''),
    }
    let cold = 0
    for (let index = 0; index < WARM; index += 1) await kinds.warm()
    const milliseconds = 1_000 * Number(flags.seconds)
    const pages = ['/apps', `/apps/${detail?.installation_id}`, '/keys', `/apps/${detail?.installation_id}/uninstall`]
    for (const page of pages) await press(page, cookie)
    await phase(kinds, 2_000) // the code is compiled by now
    const calm = await phase(kinds, milliseconds)
    const slowest = new Map<string, number>()
    const over = performance.now() + milliseconds
    const look = async (path: string, body?: string) => {
      const began = performance.now()
      await press(path, cookie, body)
      const name = path.replace(/ins_\w+/, '{id}') + (body ? ' (POST)' : '')
      slowest.set(name, Math.max(slowest.get(name) ?? 0, performance.now() - began))
      await setTimeout(THINKING)
    }
    const customer = async () => {
      while (performance.now() < over - milliseconds / 3) for (const page of pages) await look(page)
      await look(pages[3] ?? '', 'keys=expire')
      while (performance.now() < over) for (const page of ['/apps', '/keys']) await look(page)
    }
    const [under] = await Promise.all([phase(kinds, milliseconds), customer()])
    await pool.close()
    await server.stop()
    printTable(
      `${kind}: p50 and p99 in milliseconds, calm and while one account with ${KEYS} keys opens its pages and uninstalls`,
      (['warm', 'cold', 'expire'] as const).map(name => ({
        what: name,
        calls: calm[name].length + under[name].length,
        ...{
          'calm p50': rounded(percentile(calm[name], 0.5), 2),
          'calm p99': rounded(percentile(calm[name], 0.99), 2),
        },
        ...{
          'under p50': rounded(percentile(under[name], 0.5), 2),
          'under p99': rounded(percentile(under[name], 0.99), 2),
        },
        ratio: rounded(percentile(under[name], 0.99) / percentile(calm[name], 0.99), 2),
      })),
    )
    printTable(
      'The slowest of that account’s own requests, in milliseconds',
      [...slowest].map(([path, ms]) => ({ path, ms: rounded(ms) })),
    )
  } finally {
    receiver.close()
    await databases.close()
  }
}

/** Each kind at its own steady rate, whatever the answers take; times by kind, in milliseconds. */
async function phase<Kind extends keyof typeof PER_SECOND>(
  kinds: Record<Kind, () => Promise<void>>,
  milliseconds: number,
): Promise<Record<Kind, number[]>> {
  const began = performance.now()
  const lanes = (Object.keys(kinds) as Kind[]).map(async name => {
    const times: number[] = []
    const underWay: Promise<void>[] = []
    for (let at = 0; at < milliseconds; at += 1_000 / PER_SECOND[name]) {
      await setTimeout(Math.max(0, began + at - performance.now()))
      const sent = performance.now()
      underWay.push(kinds[name]().then(() => void times.push(performance.now() - sent)))
    }
    await Promise.all(underWay)
    return [name, times] as const
  })
  return Object.fromEntries(await Promise.all(lanes)) as Record<Kind, number[]>
}

/** A person of another account; answers their cookie. */
async function signUp(origin: string): Promise<string> {
  const fields = { email: 'quiet@example.com', password: 'a long enough sentence', account_name: 'Quay Coffee' }
  const answer = await fetch(`${origin}/signup`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin, 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams(fields),
  })
  const cookie = answer.headers.getSetCookie().find(text => text.startsWith('latchkey='))
  if (!cookie) throw new Error(`no sign-up: ${answer.status} ${await answer.text()}`)
  return cookie.split(';')[0] ?? ''
}

/** Keys with odd numbers go to the large customer, the first even ones become restricted keys of the quiet account. */
async function giveKeys(database: string, accountId: string, installationId: string): Promise<void> {
  const number = 'cast(substr(id, 5) as bigint)'
  const quiet = `(select account_id from memberships join users on users.id = user_id where email = 'quiet@example.com')`
  const statements = [
    `update keys set account_id = '${accountId}', installation_id = '${installationId}', delivered_at = created_at
     where id like 'key_000%' and ${number} % 2 = 1`,
    `update keys set account_id = ${quiet}, installation_id = null, app_id = null, kind = 'restricted'
     where id like 'key_000%' and ${number} % 2 = 0 and ${number} < ${2 * EXPIRABLE}`,
  ]
  if (database.startsWith('postgres:')) {
    const db = new pg.Client({ connectionString: database })
    await db.connect()
    for (const statement of [...statements, 'vacuum analyze keys']) await db.query(statement)
    return await db.end()
  }
  const db = new DatabaseSync(database)
  for (const statement of [...statements, 'pragma wal_checkpoint(truncate)']) db.exec(statement)
  db.close()
}
