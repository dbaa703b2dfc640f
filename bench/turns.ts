import { setTimeout } from 'node:timers/promises'
import { median, percentile, rounded } from './statistics.ts'
import type { Times } from './steady-load.ts'
import { printTable } from './verification/table.ts'

/** Delay between two phases in milliseconds, so that no phase pays for unfinished work of the one before. */
const DELAY = 300

/** The rounds of each phase. Each phase runs once per round, and the order rotates. */
export async function takeTurns<Phase extends string, Kind extends string>(
  phases: Record<Phase, (round: number) => Promise<Times<Kind>>>,
  rounds: number,
): Promise<Record<Phase, Times<Kind>[]>> {
  const names = Object.keys(phases) as Phase[]
  const results = Object.fromEntries(names.map(name => [name, []])) as unknown as Record<Phase, Times<Kind>[]>
  for (let round = 0; round < rounds; round += 1)
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length] as Phase
      results[name].push(await phases[name](round))
      await setTimeout(DELAY)
    }
  return results
}

/**
 * Prints p50 and p99 of each phase over all rounds, and the ratio of its p99 to that of the first phase: the median of the
 * rounds' ratios, with the lowest and the highest.
 */
export function printTurns<Phase extends string, Kind extends string>(
  title: string,
  results: Record<Phase, Times<Kind>[]>,
): void {
  const [first, ...others] = Object.keys(results) as [Phase, ...Phase[]]
  const kinds = Object.keys(results[first][0] ?? {}) as Kind[]
  const all = (phase: Phase, kind: Kind) => results[phase].flatMap(times => times[kind])
  const p99 = (phase: Phase, kind: Kind, round: number) => percentile(results[phase][round]?.[kind] ?? [], 0.99)
  printTable(
    title,
    [first, ...others].flatMap(phase =>
      kinds.map(kind => {
        const ratios = results[phase].map((_, round) => p99(phase, kind, round) / p99(first, kind, round))
        const [lowest, highest] = [Math.min(...ratios), Math.max(...ratios)]
        return {
          phase,
          what: kind,
          calls: all(phase, kind).length,
          p50: rounded(percentile(all(phase, kind), 0.5), 2),
          p99: rounded(percentile(all(phase, kind), 0.99), 2),
          [`p99 ÷ ${first}`]: phase === first ? '' : rounded(median(ratios), 2),
          rounds: phase === first ? '' : `${rounded(lowest, 2)} to ${rounded(highest, 2)}`,
        }
      }),
    ),
  )
}
