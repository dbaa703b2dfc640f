import type { Clock } from './clock.ts'

/** The signs of life of one loop. Durations in milliseconds. */
export type Pulse = {
  /** A round begins, perhaps sooner than was expected. */
  begin(): void
  /** The loop makes progress; it rests for `ms` before it begins again. */
  expect(ms: number): void
  /** The loop has ended: as it should, or by itself. */
  end(intended: boolean): void
}

/** The loops that run in this process, and which of them stand still. */
export type Pulses = {
  /** A loop that begins now; it stands still where it gives no sign for `patience` milliseconds longer than it rests. */
  start(name: string, patience: number): Pulse
  /** Whether any loop runs here, or in the process that started this one. */
  any(): boolean
  /** The names of those that stand still or have ended by themselves. */
  ill(): string[]
  /** What the process that started this one says of its own loops. */
  told(ill: readonly string[]): void
}

export function createPulses(clock: Pick<Clock, 'monotonic'>): Pulses {
  const loops = new Map<object, { name: string; lateAt: number }>()
  let above: readonly string[] | undefined
  return {
    start(name, patience) {
      const loop = { name, lateAt: clock.monotonic() + patience }
      loops.set(loop, loop)
      return {
        begin: () => {
          loop.lateAt = Math.min(loop.lateAt, clock.monotonic() + patience)
        },
        expect: ms => {
          loop.lateAt = clock.monotonic() + ms + patience
        },
        end: intended => {
          loop.lateAt = Number.NEGATIVE_INFINITY
          if (intended) loops.delete(loop)
        },
      }
    },
    any: () => loops.size > 0 || above !== undefined,
    ill() {
      const now = clock.monotonic()
      return [...[...loops.values()].filter(({ lateAt }) => now > lateAt).map(({ name }) => name), ...(above ?? [])]
    },
    told: ill => {
      above = ill
    },
  }
}
