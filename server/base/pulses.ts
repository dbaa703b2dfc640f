import type { Clock } from './clock.ts'

/** Reports that one loop is alive. Durations in milliseconds. */
export type Pulse = {
  /** A round begins, possibly earlier than announced. */
  begin(): void
  /** The loop makes progress; its next round is in `ms`. */
  expect(ms: number): void
  /** The loop has ended; `intended` if it was stopped. */
  end(intended: boolean): void
}

/** The loops of this process, and which of them are stuck. */
export type Pulses = {
  /** Registers a loop. It counts as stuck if it reports nothing for `patience` milliseconds longer than its announced pause. */
  start(name: string, patience: number): Pulse
  /** Whether any loop runs here or in the parent process. */
  any(): boolean
  /** The names of loops that are stuck or have ended unexpectedly. */
  ill(): string[]
  /** Stores the parent process's stuck loops, as it reported them. */
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
