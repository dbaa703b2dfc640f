/**
 * One database lookup, as for a key without a copy in memory: verification's query in a read transaction, one after another,
 * for real keys in random order, in databases that differ only in the number of keys. All databases are open at once and take
 * turns. Then the time a process takes to start on each.
 */

import { hashSecret } from '../../server/base/secret-format.ts'
import { readConfig } from '../../server/config.ts'
import { createDeps, type Deps } from '../../server/deps.ts'
import { findKeyByHash } from '../../server/keys/key-record-store.ts'
import { startChild } from '../child-server.ts'
import { openDatabases } from '../databases.ts'
import { startKeyReceiver } from '../key-receiver.ts'
import { median, percentile, rounded } from '../statistics.ts'
import { benchKey } from './bench-keys.ts'
import { prepare } from './prepare.ts'
import { printTable } from './table.ts'

const REAL = 100_000
const PER_ROUND = 2_000
const ROUNDS = 10
const STARTS = 5

/** An open database with `keys` keys; `order`: the order in which its real keys are looked up. */
type Filled = {
  keys: number
  env: Record<string, string>
  deps: Deps
  order: number[]
  rounds: number[][]
  starts: number[]
}

export async function measureLookups(kind: 'sqlite' | 'postgres', sizes: readonly number[]): Promise<void> {
  const [databases, receiver] = [await openDatabases(kind), await startKeyReceiver()]
  try {
    const all: Filled[] = []
    for (const keys of sizes) {
      const real = Math.min(keys, REAL)
      const { env, filledIn } = await prepare(databases, receiver, { keys, real })
      console.log(`${kind}: ${keys} keys were filled in within ${Math.round(filledIn / 1_000)} s`)
      const deps = await createDeps(readConfig(env))
      all.push({ keys, env, deps, order: shuffled(real), rounds: [], starts: [] })
    }
    for (let round = -1; round < ROUNDS; round += 1) {
      for (let turn = 0; turn < all.length; turn += 1) {
        const each = all[(turn + Math.max(0, round)) % all.length]
        const times = each && (await lookUpAll(each, (round + 1) * PER_ROUND))
        if (times && round >= 0) each.rounds.push(times) // the first round is a warm-up
      }
    }
    for (const { deps } of all) await deps.close()
    for (let start = 0; start < STARTS; start += 1) for (const each of all) each.starts.push(await timeStart(each))
    printLookups(`Lookups without a copy, ${kind}, ${ROUNDS} rounds of ${PER_ROUND}, and start to ready`, all)
  } finally {
    receiver.close()
    await databases.close()
  }
}

/** Milliseconds of each lookup of a round, starting with key number `first` of the order. */
async function lookUpAll({ deps, order }: Filled, first: number): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < PER_ROUND; n += 1) {
    const hash = hashSecret(benchKey(order[(first + n) % order.length] ?? 0))
    const from = performance.now()
    const found = await deps.database.read(tx => findKeyByHash(tx, hash))
    times.push(performance.now() - from)
    if (!found) throw new Error('a key that is there was not found')
  }
  return times
}

/** Milliseconds until a process is ready. */
async function timeStart({ env }: Filled): Promise<number> {
  const server = await startChild({ script: 'server/main.ts', env })
  await server.stop()
  return server.readyAfter
}

function printLookups(title: string, all: readonly Filled[]): void {
  const [smallest] = all
  printTable(
    title,
    all.map(({ keys, rounds, starts }) => ({
      keys,
      'p50 ms': rounded(percentile(rounds.flat(), 0.5), 3),
      'p99 ms': rounded(percentile(rounds.flat(), 0.99), 3),
      '÷ fewest, of p50': rounded(
        median(rounds.map((times, at) => median(times) / median(smallest?.rounds[at] ?? []))),
        3,
      ),
      'start ms': Math.round(median(starts)),
    })),
  )
}

/** The numbers below `count`, in a pseudo-random order that is always the same. */
function shuffled(count: number): number[] {
  const rank = (index: number) => (index * 2_654_435_761) % 4_294_967_296
  return Array.from({ length: count }, (_, index) => index).sort((a, b) => rank(a) - rank(b))
}
