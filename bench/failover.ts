/**
 * Counts failures after a failover of PostgreSQL, with web and worker in separate processes, and prints one table; about 30
 * seconds per kind of failure.
 *
 *   node bench/failover.ts [--tree=FOLDER] [--way=WAY] [--seconds=20] [--rate=10]
 *
 * `--tree` measures another checkout of the project. Keys are minted over HTTP, `rate` per second whatever the responses; a
 * request times out after 30 s. After five seconds the primary fails, its standby is promoted, and the address, a proxy on loopback,
 * leads there. Each kind of failure has servers of its own:
 *
 *   read-only  the old primary stays, keeps its connections, and takes no writes
 *   shut-down  it shuts down
 *   silent     connections to it stay open, but no more data passes
 *
 * Counted from the failure on, for `seconds`. `unplanned` are responses other than 201 and 503; `lost` are keys of a 201 that
 * the new primary does not have, `not delivered` those that never arrived; `left` are connections to the old primary (if
 * they are silent, it does not notice that they were closed).
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { freePort } from '../tests/support/free-port.ts'
import { type PostgresProxy, proxyPostgres } from '../tests/support/postgres-proxy.ts'
import { type ChildServer, startChild } from './child-server.ts'
import { type KeyReceiver, startKeyReceiver } from './key-receiver.ts'
import { type Minting, mintKey, prepareMinting } from './minting.ts'
import { type PostgresPair, runs, startPostgresPair } from './postgres-pair.ts'
import { percentile, rounded } from './statistics.ts'
import { printTable } from './verification/table.ts'

const WAYS = ['read-only', 'shut-down', 'silent'] as const
type Way = (typeof WAYS)[number]
const PEOPLE = 5
const CALM_MS = 5_000
/** How long deliveries delayed by the failover may take, in milliseconds. */
const SETTLE_MS = 30_000

const { values: flags } = parseArgs({
  options: {
    tree: { type: 'string', default: resolve(import.meta.dirname, '..') },
    way: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    rate: { type: 'string', default: '10' },
  },
})
const tree = resolve(flags.tree)
const { createPeople } = (await import(
  pathToFileURL(resolve(tree, 'bench/setup.ts')).href
)) as typeof import('./setup.ts')

const rows: Record<string, string | number>[] = []
for (const way of WAYS) if (flags.way === undefined || flags.way === way) rows.push(await measure(way))
printTable(`${flags.seconds} s after a failover, ${flags.rate} writes a second; ${tree}`, rows)

async function measure(way: Way): Promise<Record<string, string | number>> {
  const [pair, receiver] = [await startPostgresPair(), await startKeyReceiver()]
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const servers: ChildServer[] = []
  try {
    await using proxy = await proxyPostgres(pair.primary)
    const [port, secret] = [String(await freePort()), 'a root secret that is used in measurements only']
    const origin = `http://127.0.0.1:${port}`
    const databaseEnv = {
      DATABASE_URL: proxy.url,
      DATA_DIR: dataDir,
      LATCHKEY_SECRET: secret,
      KEYS_PER_INSTALLATION: '100000',
    }
    const settings = { EGRESS_ALLOW: '127.0.0.1/32', REVIEW: 'off', RATE_LIMITS: 'off', LOG_LEVEL: 'silent' }
    const env = { ...databaseEnv, ...settings, PORT: port, PUBLIC_URL: origin }
    const people = await createPeople(env, PEOPLE)
    for (const role of ['web', 'worker'])
      servers.push(await startChild({ script: 'server/main.ts', tree, env: { ...env, ROLES: role } }))
    const minting = await prepareMinting(origin, people, receiver)
    const load = startLoad(origin, minting)
    await delay(CALM_MS)
    const failedAt = performance.now()
    await failOver(way, pair, proxy)
    const tookMs = performance.now() - failedAt
    await delay(Number(flags.seconds) * 1_000 - tookMs)
    const writes = await load.stop()
    const end = await settle(writes, pair, receiver)
    return { way, 'failover ms': rounded(tookMs, 0), ...count(writes.filter(({ at }) => at >= failedAt)), ...end }
  } finally {
    for (const server of servers) await server.stop()
    receiver.close()
    await pair.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function failOver(way: Way, pair: PostgresPair, proxy: PostgresProxy): Promise<void> {
  if (way === 'read-only')
    await runs(pair.primary, 'alter system set default_transaction_read_only = on', 'select pg_reload_conf()')
  if (way === 'shut-down') await pair.stopPrimary()
  if (way === 'silent') proxy.freeze(() => true)
  await pair.promote()
  proxy.leadTo(pair.standby)
}

type Write = { at: number; ms: number; status: number; id: string | undefined }

/** Mints at a steady pace, whatever the responses. Status 0: no response. */
function startLoad(origin: string, { token, installations }: Minting) {
  const [writes, underWay] = [[] as Write[], new Set<Promise<void>>()]
  let made = 0
  const mint = async () => {
    const at = performance.now()
    made += 1
    const installation = installations[made % installations.length] ?? ''
    const answer = await mintKey(origin, { token, installation, name: `key ${made}` }).catch(() => undefined)
    writes.push({ at, ms: performance.now() - at, status: answer?.status ?? 0, id: answer?.id })
  }
  const timer = setInterval(() => {
    const one = mint().finally(() => underWay.delete(one))
    underWay.add(one)
  }, 1_000 / Number(flags.rate))
  return {
    async stop(): Promise<readonly Write[]> {
      clearInterval(timer)
      await Promise.all(underWay)
      return writes
    },
  }
}

function count(writes: readonly Write[]) {
  const times = writes.map(({ ms }) => ms)
  const failed = writes.filter(({ status }) => status !== 201)
  const last = Math.max(0, ...failed.map(({ at, ms }) => at + ms - (writes[0]?.at ?? 0)))
  return {
    writes: writes.length,
    failed: failed.length,
    unplanned: failed.filter(({ status }) => status !== 503).length,
    'last failure s': rounded(last / 1_000),
    'p50 ms': rounded(percentile(times, 0.5)),
    'most ms': rounded(Math.max(...times), 0),
  }
}

/** What became of the keys that were minted with status 201. */
async function settle(writes: readonly Write[], pair: PostgresPair, { arrivals }: KeyReceiver) {
  const ids = writes.flatMap(({ id }) => id ?? [])
  const end = performance.now() + SETTLE_MS
  while (ids.some(id => !arrivals.has(id)) && performance.now() < end) await delay(100)
  const client = new pg.Client({ connectionString: pair.standby })
  await client.connect()
  const { rows } = await client.query<{ id: string }>('select id from keys')
  await client.end()
  const kept = new Set(rows.map(({ id }) => id))
  return {
    lost: ids.filter(id => !kept.has(id)).length,
    'not delivered': ids.filter(id => !arrivals.has(id)).length,
    'delivered again': [...arrivals.values()].filter(times => times.length > 1).length,
    left: await connectionsTo(pair.primary),
  }
}

async function connectionsTo(url: string): Promise<number | string> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    const { rows } = await client.query<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity where datname = 'latchkey' and pid <> pg_backend_pid()`,
    )
    return rows[0]?.count ?? 0
  } catch {
    return 'down'
  } finally {
    await client.end().catch(() => undefined)
  }
}
