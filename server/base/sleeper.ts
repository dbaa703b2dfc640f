import type { Pulse, Pulses } from './pulses.ts'

/**
 * What a loop is doing. `wake` during a round is not lost: the round's sleep does not begin.
 *
 *     new ── start ──▶ working ── sleep ──▶ sleeping ── time is over ──▶ working
 *                         │                    │
 *                        wake                 wake
 *                         ▼                    ▼
 *                       woken ◀────────────────┘      woken ── next round ──▶ working
 *
 *     stop: from anywhere to stopped; no sleep and no rest lasts any longer, and no round follows
 */
type State = 'new' | 'working' | 'woken' | 'sleeping' | 'stopped'

/** When a loop works and when it sleeps. Durations in milliseconds. */
export type Sleeper = {
  /** Runs one round after the other until `stop`; a second call changes nothing. */
  start(round: () => Promise<void>): void
  /** There may be something to do now. */
  wake(): void
  isWoken(): boolean
  isStopped(): boolean
  /** A sign of life in the middle of a round. */
  progress(): void
  /** Sleeps until then or until it is woken; the loop counts as alive. */
  sleep(ms: number): Promise<void>
  /** The same, without a sign of life: after a fault. */
  delay(ms: number): Promise<void>
  /** Until then, whether it is woken or not. */
  rest(ms: number): Promise<void>
  /** Begins no further round and waits for the one under way. */
  stop(): Promise<void>
}

/** `patience`: a loop that gives no sign of life for so long counts as standing still (`pulses.ts`). */
export function createSleeper(loop: { name: string; patience: number; pulses?: Pulses | undefined }): Sleeper {
  let state: State = 'new'
  let running: Promise<void> | undefined
  let pulse: Pulse | undefined
  const alarm = createAlarm()
  const is = (asked: State) => state === asked

  async function run(round: () => Promise<void>): Promise<void> {
    pulse = loop.pulses?.start(loop.name, loop.patience)
    try {
      while (!is('stopped')) {
        state = 'working'
        pulse?.begin()
        await round()
      }
    } finally {
      pulse?.end(is('stopped'))
    }
  }

  async function delay(ms: number): Promise<void> {
    if (!is('working')) return
    state = 'sleeping'
    await alarm.elapse(ms)
    if (is('sleeping')) state = 'working'
  }

  return {
    start: round => {
      running ??= run(round)
    },
    wake: () => {
      if (is('stopped') || is('woken')) return
      const asleep = is('sleeping')
      state = 'woken'
      if (asleep) alarm.end()
    },
    isWoken: () => is('woken'),
    isStopped: () => is('stopped'),
    progress: () => pulse?.expect(0),
    delay,
    sleep: async ms => {
      if (is('working')) pulse?.expect(ms)
      await delay(ms)
    },
    rest: async ms => {
      if (!is('stopped')) await alarm.elapse(ms)
    },
    stop: async () => {
      state = 'stopped'
      alarm.end()
      await running
    },
  }
}

/** A wait that ends early when it is told to. */
function createAlarm() {
  let end: (() => void) | undefined
  return {
    elapse: (ms: number): Promise<void> =>
      new Promise(resolve => {
        const timer = setTimeout(() => end?.(), ms)
        end = () => {
          clearTimeout(timer)
          end = undefined
          resolve()
        }
      }),
    end: () => end?.(),
  }
}
