/**
 * Measures deliveries on loopback and prints one table per database; about two minutes each.
 *
 *   node bench/deliveries.ts [--sqlite | --postgres] [--count=5000] [--rounds=3] [--latencies=400] [--profile=FOLDER]
 *
 * 1. Deliveries per second, from queued to acknowledged and recorded, of the events of `count` installations of one app, to a
 *    receiver in this process that responds 204 at once. First the two events that each install queues, with their effects
 *    (keys delivered, installations active, activity in two hash chains). Then, in rounds, the keys' events again, in turns
 *    with the contenders: the same sealed bodies posted by undici with the same concurrency (the limit of network and
 *    receiver), and BullMQ on Redis, whose jobs sign with standardwebhooks. Each contender is a separate process; the jobs
 *    are queued before the measurement. The order changes each round.
 * 2. From the commit of an event to its first attempt's arrival at the receiver, one at a time.
 * 3. Processor time of an idle worker.
 *
 * BullMQ takes part if it is installed (npm ci --prefix bench/peers) and REDIS_URL names a Redis, with its own settings: apt-get install redis-server && redis-server --port 6390 --appendonly yes --dir "$(mktemp -d)"
 *
 * Not measured: TLS and the network. Figures depend on the machine; ratios travel.
 */
import { existsSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MOST_PER_APP } from '../server/deliveries/lane.ts'
import { freePort } from '../tests/support/free-port.ts'
import { startChild } from './child-server.ts'
import { openDatabases } from './databases.ts'
import { type Contender, type Spent, startContender } from './deliveries/contender.ts'
import { type BenchReceiver, startBenchReceiver } from './deliveries/receiver.ts'
import { createPeople, registerApp } from './setup.ts'
import { median, percentile, rounded } from './statistics.ts'
import { printTable } from './verification/table.ts'

const IDLE_MS = 30_000
/** Node compiles hot code in the background: until then a delivery costs a third more processor time. */
const WARM_UP = 10_000

const { values: flags } = parseArgs({
  options: {
    sqlite: { type: 'boolean' },
    postgres: { type: 'boolean' },
    count: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '3' },
    latencies: { type: 'string', default: '400' },
    profile: { type: 'string' },
  },
})
const count = Number(flags.count)
const both = Boolean(flags.sqlite) === Boolean(flags.postgres)

console.log(`${availableParallelism()} × ${cpus()[0]?.model}, Node ${process.versions.node}`)
for (const kind of ['sqlite', 'postgres'] as const) if (both || flags[kind]) await measure(kind)

async function measure(kind: 'sqlite' | 'postgres'): Promise<void> {
  const [databases, receiver] = [await openDatabases(kind), await startBenchReceiver()]
  const contenders = new Map<string, Contender>()
  try {
    const { env, appId } = await prepare(await databases.next(), receiver)
    const profiling = flags.profile ? ['--cpu-prof', `--cpu-prof-dir=${flags.profile}`] : []
    const engine = await startContender('bench/deliveries/engine.ts', { ...env, APP_ID: appId }, profiling)
    contenders.set('Latchkey', engine)
    await engine.ask({ do: 'install', count })
    receiver.count()
    const installs = await engine.ask<Spent>({ do: 'deliver' })
    const installEvents = receiver.count()

    const target = { TARGET: receiver.url, CONCURRENCY: String(MOST_PER_APP) }
    contenders.set('undici', await startContender('bench/deliveries/plain-posts.ts', target))
    const bullmq = await startBullmq(target)
    if (bullmq) contenders.set('BullMQ', bullmq)
    const jobs = await engine.ask<object[]>({ do: 'bodies' })
    for (const [name, contender] of contenders) if (name !== 'Latchkey') await contender.ask({ do: 'take', jobs })

    const rounds = await compare(contenders, receiver)
    const latencies = await firstAttempts(engine, receiver)
    const idle = await engine.ask<Spent>({ do: 'idle', ms: IDLE_MS })
    print(kind, { installs, installEvents, rounds, latencies, idle })
  } finally {
    for (const contender of contenders.values()) await contender.stop()
    receiver.close()
    await databases.close()
  }
}

/** A database with a published app. */
async function prepare(databaseEnv: Record<string, string>, receiver: BenchReceiver) {
  const port = String(await freePort())
  const origin = `http://127.0.0.1:${port}`
  const settings = { EGRESS_ALLOW: '127.0.0.1/32', REVIEW: 'off', RATE_LIMITS: 'off', LOG_LEVEL: 'warn' }
  const env = { ...databaseEnv, ...settings, PORT: port, PUBLIC_URL: origin }
  const { registrationToken } = await createPeople(env, 1)
  const server = await startChild({ script: 'server/main.ts', env: { ...env, ROLES: 'web' } })
  const { id } = await registerApp(origin, registrationToken, receiver)
  await server.stop()
  return { env, appId: id }
}

async function startBullmq(target: Record<string, string>): Promise<Contender | undefined> {
  const url = process.env['REDIS_URL']
  const installed = existsSync(join(import.meta.dirname, 'peers/node_modules/bullmq'))
  if (!installed) console.log('BullMQ is not installed and not compared with: npm ci --prefix bench/peers')
  else if (!url) console.log('REDIS_URL is not set: BullMQ is not compared with')
  if (!installed || !url) return undefined
  const secret = `whsec_${Buffer.from('a secret that signs in measurements only').toString('base64')}`
  return await startContender('bench/peers/bullmq.mjs', { ...target, REDIS_URL: url, SECRET: secret })
}

/** The rounds of each contender, in turns; those of the first `WARM_UP` deliveries are not counted. */
async function compare(
  contenders: ReadonlyMap<string, Contender>,
  receiver: BenchReceiver,
): Promise<Map<string, Spent[]>> {
  const rounds = new Map<string, Spent[]>([...contenders.keys()].map(name => [name, []]))
  const uncounted = Math.ceil(WARM_UP / count)
  for (let round = 0; round < uncounted + Number(flags.rounds); round += 1) {
    const names = [...contenders.keys()]
    const order = names.map((_, index) => names[(index + round) % names.length] ?? '')
    for (const name of order) {
      const contender = contenders.get(name)
      if (name !== 'undici') await contender?.ask({ do: 'requeue' })
      receiver.count()
      const spent = await contender?.ask<Spent>({ do: 'deliver' })
      if (receiver.count() !== count) throw new Error(`${name} has not posted each event once`)
      if (spent && round >= uncounted) rounds.get(name)?.push(spent)
    }
  }
  return rounds
}

/** Milliseconds from a commit to the arrival of the first attempt. */
async function firstAttempts(engine: Contender, receiver: BenchReceiver): Promise<number[]> {
  await engine.ask({ do: 'start' })
  const times: number[] = []
  for (let index = 0; index < Number(flags.latencies); index += 1) {
    const { id, at } = await engine.ask<{ id: string; at: string }>({ do: 'queue' })
    times.push(Number((await receiver.arrival(id)) - BigInt(at)) / 1e6)
  }
  return times
}

type Figures = {
  installs: Spent
  installEvents: number
  rounds: Map<string, Spent[]>
  latencies: number[]
  idle: Spent
}

function print(kind: string, { installs, installEvents, rounds, latencies, idle }: Figures): void {
  const rate = ({ ms }: Spent, events = count) => rounded((events * 1_000) / ms, 0)
  const [load] = loadavg()
  const ours = median((rounds.get('Latchkey') ?? []).map(spent => rate(spent)))
  const rows = [...rounds].map(([name, spent]) => {
    const rates = spent.map(one => rate(one))
    return {
      contender: name,
      'deliveries a second': median(rates),
      rounds: rates.join(', '),
      'Latchkey ÷ it': rounded(ours / median(rates), 2),
      'µs of processor each': rounded(median(spent.map(({ cpuMs }) => (cpuMs * 1_000) / count)), 0),
    }
  })
  printTable(
    `${kind}: ${count} installations of one app, ${MOST_PER_APP} posts at once; load ${rounded(load ?? 0)}`,
    rows,
  )
  console.log(`
  both events of new installs    ${rate(installs, installEvents)} a second
  commit to first attempt        p50 ${rounded(median(latencies), 2)} ms, p99 ${rounded(percentile(latencies, 0.99), 2)} ms
  an idle worker's processor     ${rounded((idle.cpuMs / idle.ms) * 100, 3)} % (${rounded(idle.cpuMs)} ms in ${IDLE_MS / 1_000} s)`)
}
