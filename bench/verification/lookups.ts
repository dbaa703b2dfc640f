/**
 * One look into the database, as a key takes that no process has a copy of: the query of verification in a transaction that
 * reads, one after the other, for real keys in random order, in databases that differ only in how many keys there are. All
 * stand at the same time and take turns. Then how long a process takes to start on each.
 */

import { hashSecret } from '../../server/base/secret-format.ts'
import { readConfig } from '../../server/config.ts'
import { createDeps } from '../../server/deps.ts'
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

export async function measureLookups(kind: 'sqlite' | 'postgres', sizes: readonly number[]): Promise<void> {
  const [databases, receiver] = [await openDatabases(kind), await startKeyReceiver()]
  try {
    const filled = []
    for (const keys of sizes) {
      const real = Math.min(keys, REAL)
      const prepared = await prepare(databases, receiver, { keys, real })
      console.log(`${kind}: ${keys} keys were filled in within ${Math.round(prepared.filledIn / 1_000)} s`)
      filled.push({ ...prepared, keys, order: shuffled(real), rounds: [] as number[][], starts: [] as number[] })
    }
    const open = await Promise.all(
      filled.map(async each => ({ ...each, deps: await createDeps(readConfig(each.env)) })),
    )
    for (let round = -1; round < ROUNDS; round += 1) {
      for (let turn = 0; turn < open.length; turn += 1) {
        const each = open[(turn + Math.max(0, round)) % open.length]
        if (!each) continue
        const times: number[] = []
        for (let n = 0; n < PER_ROUND; n += 1) {
          const hash = hashSecret(benchKey(each.order[((round + 1) * PER_ROUND + n) % each.order.length] ?? 0))
          const from = performance.now()
          const found = await each.deps.database.read(tx => findKeyByHash(tx, hash))
          times.push(performance.now() - from)
          if (!found) throw new Error('a key that is there was not found')
        }
        if (round >= 0) each.rounds.push(times) // the first one warms up
      }
    }
    for (const { deps } of open) await deps.close()
    for (let start = 0; start < STARTS; start += 1) {
      for (const { env, starts } of filled) {
        const server = await startChild({ script: 'server/main.ts', env })
        starts.push(server.readyAfter)
        await server.stop()
      }
    }
    const [smallest] = open
    printTable(
      `Lookups without a copy, ${kind}, ${ROUNDS} rounds of ${PER_ROUND}, and start to ready`,
      open.map(({ keys, rounds, starts }) => ({
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
  } finally {
    receiver.close()
    await databases.close()
  }
}

/** The numbers below `count`, in an order that is the same each time and looks like none. */
function shuffled(count: number): number[] {
  const rank = (index: number) => (index * 2_654_435_761) % 4_294_967_296
  return Array.from({ length: count }, (_, index) => index).sort((a, b) => rank(a) - rank(b))
}
