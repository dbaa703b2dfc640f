import { realElapsed } from '../server/base/clock.ts'
import { ATTENTION_MS, BEAT_MS, IDLE_BEAT_MS, PROOF_MS } from './changes.ts'

/** Checks regularly whether anything was missed: often while proofs are in use, rarely otherwise. */
export type Proof = {
  fresh(): boolean
  /** Everything committed before `askedAt` (by `realElapsed()`) has been received. */
  given(askedAt: number): void
  lost(): void
  start(): void
  stop(): void
}

export function createProof(ask: () => void): Proof {
  let provenUntil = Number.NEGATIVE_INFINITY
  let attentionUntil = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let running = false
  let often = false

  function beat(): void {
    clearTimeout(timer)
    if (!running) return
    often = realElapsed() < attentionUntil
    timer = setTimeout(beat, often ? BEAT_MS : IDLE_BEAT_MS).unref()
    ask()
  }

  return {
    fresh() {
      const now = realElapsed()
      attentionUntil = now + ATTENTION_MS
      if (running && !often) beat()
      return now < provenUntil
    },
    given(askedAt) {
      if (running) provenUntil = Math.max(provenUntil, askedAt + PROOF_MS)
    },
    lost() {
      provenUntil = Number.NEGATIVE_INFINITY
    },
    start() {
      running = true
      beat()
    },
    stop() {
      running = false
      provenUntil = Number.NEGATIVE_INFINITY
      clearTimeout(timer)
    },
  }
}
