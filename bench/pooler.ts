/**
 * From the commit of a key to its first attempt, with web and worker in separate processes that reach PostgreSQL
 * through a pooler in transaction mode: with DATABASE_URL alone, with DATABASE_DIRECT_URL, and without a pooler. Less than
 * 90 seconds for a checkout that polls every two seconds, up to a minute more for one that waits for notifications.
 *
 *   node bench/pooler.ts [--tree=FOLDER] [--keys=40] [--every=250] [--pgbouncer=PROGRAM]
 *
 * `--tree` measures another checkout of the project, `--pgbouncer` a real PgBouncer instead of the tests' pooler. A key is minted over HTTP every `every` milliseconds; times are from
 * the response to the mint, which follows its commit, to the arrival at a receiver in this process that responds 204.
 */
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { freePort } from '../tests/support/free-port.ts'
import { poolTransactions } from '../tests/support/transaction-pooler.ts'
import { type ChildServer, startChild } from './child-server.ts'
import { openDatabases } from './databases.ts'
import { type KeyReceiver, startKeyReceiver } from './key-receiver.ts'
import { mintKey, prepareMinting } from './minting.ts'
import { startPgbouncer } from './pgbouncer.ts'
import { percentile, rounded } from './statistics.ts'
import { printTable } from './verification/table.ts'

/** More than a minute, after which every checkout polls. */
const MOST_WAIT = 65_000

const { values: flags } = parseArgs({
  options: {
    tree: { type: 'string', default: resolve(import.meta.dirname, '..') },
    keys: { type: 'string', default: '40' },
    every: { type: 'string', default: '250' },
    pgbouncer: { type: 'string' },
  },
})
const tree = resolve(flags.tree)
const { createPeople } = (await import(
  pathToFileURL(resolve(tree, 'bench/setup.ts')).href
)) as typeof import('./setup.ts')

type Way = { name: string; times: number[]; missing: number }

const [databases, receiver] = [await openDatabases('postgres'), await startKeyReceiver()]
try {
  const ways = [
    await openWay('pooler', { pooled: true, direct: false }),
    await openWay('pooler, DATABASE_DIRECT_URL', { pooled: true, direct: true }),
    await openWay('no pooler', { pooled: false, direct: false }),
  ]
  const measured = await Promise.all(ways.map(way => way.measure()))
  for (const { close } of ways) await close()
  printTable(
    `commit to first attempt, web and worker apart, milliseconds; ${tree}`,
    measured.map(({ name, times, missing }) => ({
      way: name,
      keys: times.length,
      [`not within ${MOST_WAIT / 1_000} s`]: missing,
      p50: rounded(percentile(times, 0.5)),
      p99: rounded(percentile(times, 0.99)),
      most: rounded(Math.max(...times)),
    })),
  )
} finally {
  receiver.close()
  await databases.close()
}

/** A database with an installed app, a web process and a worker. */
async function openWay(name: string, { pooled, direct }: { pooled: boolean; direct: boolean }) {
  const databaseEnv = await databases.next()
  const url = databaseEnv['DATABASE_URL'] ?? ''
  const pooler = pooled ? await openPooler(url) : undefined
  const port = String(await freePort())
  const origin = `http://127.0.0.1:${port}`
  const settings = { EGRESS_ALLOW: '127.0.0.1/32', REVIEW: 'off', RATE_LIMITS: 'off', LOG_LEVEL: 'error' }
  const way = { DATABASE_URL: pooler?.url ?? url, ...(direct && { DATABASE_DIRECT_URL: url }) }
  const env = { ...databaseEnv, ...settings, ...way, PORT: port, PUBLIC_URL: origin }
  const people = await createPeople(env, 1)
  const start = (roles: string) => startChild({ script: 'server/main.ts', tree, env: { ...env, ROLES: roles } })
  const servers: ChildServer[] = [await start('web')]
  const { token, installations } = await prepareMinting(origin, people, receiver)
  servers.push(await start('worker'))
  await receiver.arrival(installations[0] ?? '') // the worker delivers the first event at its start, even without notifications
  return {
    measure: () =>
      measure(
        name,
        keyName => mintKey(origin, { token, installation: installations[0] ?? '', name: keyName }),
        receiver,
      ),
    async close() {
      for (const server of servers) await server.stop()
      await pooler?.[Symbol.asyncDispose]()
    },
  }
}

function openPooler(url: string): Promise<{ url: string } & AsyncDisposable> {
  return flags.pgbouncer ? startPgbouncer(flags.pgbouncer, url) : poolTransactions(url, 6)
}

async function measure(
  name: string,
  mint: (keyName: string) => ReturnType<typeof mintKey>,
  { arrivals }: KeyReceiver,
): Promise<Way> {
  const committed = new Map<string, number>()
  for (let index = 0; index < Number(flags.keys); index += 1) {
    const { status, id } = await mint(`key ${index}`)
    if (!id) throw new Error(`not minted: ${status}`)
    committed.set(id, performance.now())
    await delay(Number(flags.every))
  }
  const end = performance.now() + MOST_WAIT
  while (![...committed.keys()].every(id => arrivals.has(id)) && performance.now() < end) await delay(50)
  const times = [...committed].flatMap(
    ([id, at]) =>
      arrivals
        .get(id)
        ?.slice(0, 1)
        .map(then => Math.max(0, then - at)) ?? [],
  )
  return { name, times, missing: committed.size - times.length }
}
