import { closePair, createPair, openPair, type Pair, type PostgresUrls } from './listening-pair.ts'

const FIRST_DELAY = 100
const LONGEST_DELAY = 2_000
/** Delay in milliseconds before listening again if no notifications come back, most likely because of a pooler. */
const UNNOTIFIED_DELAY = 15_000

/** Callbacks of a pair of connections. */
type PairNews = {
  received(payload: string): void
  opened(): Promise<void>
  lost(pair: Pair): void
  /** The connection is lost; a new one will be tried. */
  away(): void
}

/** A pair of connections that is reopened whenever it is lost. */
export type KeptPair = {
  current(): Pair | undefined
  /** Resolves after the first attempt. */
  start(): Promise<void>
  /** Records that a beat came back; returns whether it is the first one of this pair. */
  markHeard(): boolean
  /** Closes a pair and opens another one. */
  lose(pair: Pair): void
  /** The same after a beat did not come back: a pair that never received one is most likely behind a pooler. */
  giveUp(pair: Pair): void
  stop(): void
}

export function keepPair(urls: PostgresUrls, channel: string, { received, opened, lost, away }: PairNews): KeptPair {
  let pair: Pair | undefined
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let delay = FIRST_DELAY

  async function open(): Promise<void> {
    const opening = createPair(urls)
    const { listener, beater } = opening
    for (const half of [listener, beater]) half.on('error', () => lose(opening)).on('end', () => lose(opening))
    listener.on('notification', ({ payload }) => received(payload ?? ''))
    const listens = await openPair(opening, channel).catch(() => undefined)
    if (listens && !stopped) {
      pair = opening
      await opened()
      return
    }
    if (listens === false) delay = UNNOTIFIED_DELAY
    closePair(opening)
    openLater()
  }

  function openLater(): void {
    if (stopped) return
    away()
    timer = setTimeout(() => void open(), delay).unref()
    delay = Math.min(delay * 2, LONGEST_DELAY)
  }

  function lose(gone: Pair): void {
    closePair(gone)
    if (pair !== gone) return
    pair = undefined
    lost(gone)
    openLater()
  }

  return {
    current: () => pair,
    start: open,
    lose,
    markHeard() {
      if (!pair || pair.heard) return false
      pair.heard = true
      delay = FIRST_DELAY
      return true
    },
    giveUp(gone) {
      delay = gone.heard ? FIRST_DELAY : UNNOTIFIED_DELAY
      lose(gone)
    },
    stop() {
      stopped = true
      clearTimeout(timer)
      const last = pair
      pair = undefined
      if (last) closePair(last)
    },
  }
}
