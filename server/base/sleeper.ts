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
  /** Runs rounds until `stop`; a second call changes nothing. */
  start(round: () => Promise<void>): void
  /** There may be something to do now. */
  wake(): void
  isWoken(): boolean
  isStopped(): boolean
  /** Reports in the middle of a round that the loop is alive. */
  progress(): void
  /** Sleeps for `ms` or until woken; the loop counts as alive. */
  sleep(ms: number): Promise<void>
  /** The same, but the loop does not count as alive: after an error. */
  delay(ms: number): Promise<void>
  /** Waits for `ms`, woken or not. */
  rest(ms: number): Promise<void>
  /** Begins no further round and waits for the one in progress. */
  stop(): Promise<void>
}

/** `patience`: a loop that reports nothing for this long counts as stuck (`pulses.ts`). */
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

/** A wait that can be ended early. */
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
