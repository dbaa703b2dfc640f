import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '../../db/connect.ts'
import { SECOND } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Attempted } from './attempt-delivery.ts'
import { type Ended, type SettleCaps, settleAttempts } from './settle-attempts.ts'

const DELAY_AFTER_FAULT = SECOND

type Entry = { attempt: Attempted; until: number; written: () => void; lost: (reason: unknown) => void; alone: boolean }

export type BookkeeperCaps = SettleCaps & {
  database: Database
  log: Log
  /** Called once for each transaction, after its commit. */
  ended(counts: Ended): void
}

export type Bookkeeper = {
  /**
   * Resolves once the attempt and what follows from it are committed. While the database cannot be reached it tries again
   * until the lease ends, at `until` by the monotonic clock; then it rejects, and the delivery will be attempted once more.
   */
  write(attempt: Attempted, until: number): Promise<void>
  /** Stops retrying. */
  stop(): void
}

/** If the machine loses power before the disk has the commit, the same events are sent and acknowledged again. */
const acknowledged = (attempts: readonly Attempted[]) =>
  attempts.every(({ outcome }) => outcome.kind === 'acknowledged')

/**
 * Records attempts, one transaction after the other. Attempts that finish meanwhile share the next one, so that a commit costs
 * the same for one and for many. It waits for `gather` first, so that those that end together are written down together.
 */
export function createBookkeeper(caps: BookkeeperCaps, gather: () => Promise<void>): Bookkeeper {
  const { database, clock, log } = caps
  let waiting: Entry[] = []
  let writing = false
  let stopped = false

  function next(): readonly Entry[] {
    const batch = nextOf(waiting)
    waiting = waiting.filter(entry => !batch.includes(entry))
    return batch
  }

  async function work(): Promise<void> {
    writing = true
    await gather()
    for (let batch = next(); batch.length > 0; batch = next()) {
      const attempts = batch.map(({ attempt }) => attempt)
      try {
        const write = acknowledged(attempts) ? database.relaxed : database.transaction
        caps.ended(await write(tx => settleAttempts(tx, caps, attempts)))
        for (const { written } of batch) written()
      } catch (error) {
        await putBack(batch, error)
      }
    }
    writing = false
  }

  async function putBack(batch: readonly Entry[], error: unknown): Promise<void> {
    const inTime = ({ until }: Entry) => !stopped && clock.monotonic() < until
    for (const entry of batch.filter(entry => !inTime(entry))) entry.lost(error)
    const again = batch.filter(inTime)
    if (again.length === 0) return
    log.warn({ err: error, attempts: again.length }, 'attempts could not be recorded; retrying')
    waiting.push(...again.map(entry => ({ ...entry, alone: true })))
    await delay(batch.length > 1 ? 0 : DELAY_AFTER_FAULT)
  }

  return {
    write: (attempt, until) =>
      new Promise<void>((written, lost) => {
        waiting.push({ attempt, until, written, lost, alone: false })
        if (!writing) void work()
      }),
    stop: () => {
      stopped = true
    },
  }
}

/** All that wait, or one that was part of a transaction that failed: it may be the reason. */
function nextOf(waiting: readonly Entry[]): readonly Entry[] {
  const fresh = waiting.filter(({ alone }) => !alone)
  return fresh.length > 0 ? fresh : waiting.slice(0, 1)
}
