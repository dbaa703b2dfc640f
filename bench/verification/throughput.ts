/**
 * Verifications per second of one process and of two, beside a bare verifier and better-auth. All servers run at once and are
 * loaded in turns, in another order each round, so that a noisy machine disturbs all of them; ratios are taken within a round.
 * Processor time per response is the steadier figure on a shared machine.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../tests/support/free-port.ts'
import { type ChildServer, startChild } from '../child-server.ts'
import { openDatabases } from '../databases.ts'
import { startKeyReceiver } from '../key-receiver.ts'
import { median, rounded } from '../statistics.ts'
import { benchKey } from './bench-keys.ts'
import { childrenOf, cpuTime } from './cpu-time.ts'
import { prepare } from './prepare.ts'
import { startLoadGenerator, verifyRequest } from './start-load.ts'
import { printTable } from './table.ts'

const MOST_PEER_KEYS = 1_000
const CONNECTIONS = 32
const WARM_UP = 4_000
/**
 * A server's writes after its round must count towards its own processor time, and not delay the next server; in milliseconds.
 */
const SETTLE = 1_500

type Target = { name: string; port: number; requests: string[]; server: ChildServer }
type Load = Awaited<ReturnType<typeof startLoadGenerator>>
type Round = { perSecond: number; p50: number; p99: number; cpu: number; share: number }

export type Throughput = { keys: number; rounds: number; milliseconds: number; profileDir?: string | undefined }

export async function measureThroughput(
  kind: 'sqlite' | 'postgres',
  { keys, rounds, milliseconds, profileDir }: Throughput,
): Promise<void> {
  const [databases, receiver, load] = [await openDatabases(kind), await startKeyReceiver(), await startLoadGenerator()]
  const targets: Target[] = []
  try {
    const { env, verifierKey } = await prepare(databases, receiver, { keys })
    const requests = Array.from({ length: keys }, (_, index) => verifyRequest(benchKey(index), verifierKey))
    const start = async (name: string, script: string, own: Record<string, string>) => {
      const server = await startChild({ script, env: own, profileDir: name === 'Latchkey' ? profileDir : undefined })
      targets.push({ name, port: Number(own['PORT']), server, requests })
      return server
    }
    const bare = { PORT: String(await freePort()), KEYS: String(keys) }
    await start('bare node:http', 'bench/verification/bare-verifier.ts', bare)
    await start('Latchkey', 'server/main.ts', env)
    const two = { ...env, PORT: String(await freePort()), WEB_CONCURRENCY: '2' }
    const pair = await start('Latchkey, two processes', 'server/main.ts', two)
    if (childrenOf(pair.pid).length < 2) console.log('WEB_CONCURRENCY starts no second process here: it counts as one.')
    const peer = await startPeer(join(env['DATA_DIR'] ?? '', 'peer.db'), Math.min(keys, MOST_PEER_KEYS))
    if (peer) targets.push(peer)

    for (const target of targets) await measureRound(load, target, WARM_UP)
    const results = new Map<Target, Round[]>(targets.map(target => [target, []]))
    for (let round = 0; round < rounds; round += 1) {
      const order = targets.map((_, at) => targets[(at + round) % targets.length])
      for (const target of order) if (target) results.get(target)?.push(await measureRound(load, target, milliseconds))
    }
    printRounds(
      `Verifications, ${kind}, ${CONNECTIONS} connections, ${keys} keys, ${rounds} rounds of ${milliseconds / 1_000} s`,
      results,
    )
  } finally {
    load.stop()
    for (const { server } of targets) await server.stop()
    receiver.close()
    await databases.close()
  }
}

/** better-auth with keys of its own; undefined if it is not installed. */
async function startPeer(database: string, keys: number): Promise<Target | undefined> {
  const folder = 'bench/peers-verify'
  if (!existsSync(join(import.meta.dirname, '../..', folder, 'node_modules'))) {
    console.log(`better-auth is not installed and not compared with: npm ci --prefix ${folder}`)
    return undefined
  }
  const port = await freePort()
  const env = { PORT: String(port), DATABASE: database, KEYS: String(keys) }
  const server = await startChild({ script: `${folder}/server.mjs`, env })
  const theirs = JSON.parse(server.firstLine) as string[]
  return { name: 'better-auth', port, server, requests: theirs.map(key => verifyRequest(key, '')) }
}

async function measureRound(load: Load, { port, requests, server }: Target, milliseconds: number): Promise<Round> {
  const before = cpuTime(server.pid)
  const figures = await load.run({ port, requests, connections: CONNECTIONS, milliseconds })
  await sleep(SETTLE)
  if (figures.refused > 0) throw new Error(`${figures.refused} good keys were refused`)
  return { ...figures, cpu: (1_000 * (cpuTime(server.pid) - before)) / figures.answers, share: figures.ownShare }
}

/** Medians of each server's rounds; the others are compared with the first server. */
function printRounds(title: string, results: ReadonlyMap<Target, readonly Round[]>): void {
  const [bare] = results.values()
  printTable(
    title,
    [...results].map(([{ name }, all]) => ({
      server: name,
      'a second': Math.round(median(all.map(({ perSecond }) => perSecond))),
      '÷ bare': rounded(median(all.map(({ perSecond }, at) => perSecond / (bare?.[at]?.perSecond ?? Number.NaN))), 3),
      'p50 ms': rounded(median(all.map(({ p50 }) => p50)), 2),
      'p99 ms': rounded(median(all.map(({ p99 }) => p99)), 2),
      'CPU µs each': rounded(median(all.map(({ cpu }) => cpu))),
      generator: `${Math.round(100 * median(all.map(({ share }) => share)))} %`,
      rounds: all.map(({ perSecond }) => Math.round(perSecond)).join(' '),
    })),
  )
}
