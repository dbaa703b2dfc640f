import { availableParallelism, cpus } from 'node:os'
import type { Memory } from './child-server.ts'
import type { Databases } from './databases.ts'
import { median, percentile, rounded } from './statistics.ts'

/** One round: installs per second, those with a delivered key per second, and the milliseconds to each delivered key. */
export type Round = { perSecond: number; perSecondToKey: number; toKey: number[] }

/** What `npm run bench` measures. */
export type Figures = {
  database: Databases['kind']
  inFlight: number
  installs: number
  latchkey: Round[]
  bare: number[]
  sequential: number[]
  memory: { before: Memory; after: Memory }
  start: { empty: number[]; filled: number[] }
}

const KB = 1_024
const MB = 1_024 * KB

/** One table for people, then one line of JSON for programs; times in milliseconds, sizes in bytes. */
export function print(figures: Figures): void {
  const summary = summaryOf(figures)
  const { installsPerSecond: rate, keyDelivery: key, memory, start } = summary
  const each = (values: readonly number[]) => `(rounds: ${values.map(value => rounded(value)).join(', ')})`
  const mb = (bytes: number | null) => (bytes === null ? 'unknown' : `${rounded(bytes / MB)} MB`)
  const kb = (bytes: number | null) => (bytes === null ? 'unknown' : `${rounded(bytes / KB)} kB`)
  const lines: [string, string][] = [
    ['Machine', `${summary.machine}, Node ${summary.node}`],
    ['Database', `${summary.database}; ${summary.inFlight} installs in flight`],
    ['Installs a second, Latchkey', `${rate.latchkey} ${each(figures.latchkey.map(round => round.perSecond))}`],
    ['  to the last key', `${rate.latchkeyToKey} ${each(figures.latchkey.map(round => round.perSecondToKey))}`],
    ['Flows a second, bare provider', `${rate.bare} ${each(figures.bare)}`],
    ['  Latchkey ÷ bare', `${rate.ratio}`],
    [
      'Press to key, one at a time',
      `p50 ${key.sequential.p50} ms, p99 ${key.sequential.p99} ms of ${key.sequential.count}`,
    ],
    ['Press to key, under load', `p50 ${key.loaded.p50} ms, p99 ${key.loaded.p99} ms of ${key.loaded.count}`],
    ['RSS before, after', `${mb(memory.rss.before)}, ${mb(memory.rss.after)}: ${kb(memory.rss.perInstall)} an install`],
    [
      'Live heap before, after',
      `${mb(memory.heap.before)}, ${mb(memory.heap.after)}: ${kb(memory.heap.perInstall)} an install`,
    ],
    ['Start to ready', `empty ${start.empty} ms, with ${summary.installs} installs ${start.filled} ms`],
  ]
  const width = Math.max(...lines.map(([name]) => name.length))
  for (const [name, value] of lines) console.log(`${name.padEnd(width)}  ${value}`)
  console.log(JSON.stringify(summary))
}

function summaryOf({ latchkey, bare, sequential, memory, start, ...common }: Figures) {
  const perSecond = median(latchkey.map(round => round.perSecond))
  const growth = (before: number | undefined, after: number | undefined) => ({
    before: before ?? null,
    after: after ?? null,
    perInstall: before === undefined || after === undefined ? null : Math.round((after - before) / common.installs),
  })
  const spread = (values: readonly number[]) => ({
    p50: rounded(percentile(values, 0.5)),
    p99: rounded(percentile(values, 0.99)),
    count: values.length,
  })
  return {
    machine: `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}`,
    node: process.versions.node,
    ...common,
    installsPerSecond: {
      latchkey: rounded(perSecond),
      latchkeyToKey: rounded(median(latchkey.map(round => round.perSecondToKey))),
      bare: rounded(median(bare)),
      ratio: rounded(perSecond / median(bare), 3),
    },
    keyDelivery: { sequential: spread(sequential), loaded: spread(latchkey.flatMap(round => round.toKey)) },
    memory: {
      rss: growth(memory.before.rss, memory.after.rss),
      heap: growth(memory.before.heapUsed, memory.after.heapUsed),
    },
    start: { empty: rounded(median(start.empty), 0), filled: rounded(median(start.filled), 0) },
  }
}
