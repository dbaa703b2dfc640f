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
   * Resolves once the attempt and its effects are committed. While the database is unavailable it retries until the lease ends,
   * at `until` by the monotonic clock; then it rejects, and the delivery is attempted again.
   */
  write(attempt: Attempted, until: number): Promise<void>
  /** Stops retrying. */
  stop(): void
}

/** If the machine loses power before the commit is on disk, the same events are sent and acknowledged again. */
const acknowledged = (attempts: readonly Attempted[]) =>
  attempts.every(({ outcome }) => outcome.kind === 'acknowledged')

/**
 * Records attempts in one transaction after another. Attempts that finish in the meantime share the next one, so that a commit
 * costs the same for one and for many. It awaits `gather` first, so that attempts that finish together are recorded together.
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

/** All waiting entries, or a single one from a failed transaction, because it may be the cause of the failure. */
function nextOf(waiting: readonly Entry[]): readonly Entry[] {
  const fresh = waiting.filter(({ alone }) => !alone)
  return fresh.length > 0 ? fresh : waiting.slice(0, 1)
}
