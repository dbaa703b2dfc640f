import type { Database } from '../../db/connect.ts'
import { type Clock, SECOND } from '../base/clock.ts'
import type { Log } from '../base/log.ts'

import { type Bounds, createUsageBuffer, type UsageBuffer, type Use } from './usage-buffer.ts'
import { addUsage } from './usage-store.ts'

/** Collects the use of keys in memory and writes it in batches: verification itself never writes. */
export type UsageRecorder = {
  /** Records an accepted call; `address` and `permission` are set if the resource server states them. */
  note(keyId: string, address: string | undefined, permission: string | undefined): void
  /** Writes the collected use. A failed batch is kept for the next time. */
  flush(): Promise<void>
  /** Writes the last batch; nothing is lost at an orderly stop. */
  stop(): Promise<void>
}

/** A single use is written soon; under a steady stream of uses batches are rarer. */
const FLUSH_SOON = SECOND
const FLUSH_EVERY = 4 * SECOND
/** A key in constant use is written this often; pages of this process show its use at once. */
const REST = 20 * SECOND
/** The most keys for which the time of the last write is kept. */
const MOST_RESTING = 40_000
/** The number of keys that triggers a write at once. */
const FLUSH_AT = 15_000
/** Keys per transaction, so that nothing waits long for one. */
const AT_ONCE = 1_000
/** How often the last batch is retried while another process locks its rows. */
const LAST_TRIES = 4

export type UsageCaps = { database: Pick<Database, 'relaxed'>; clock: Clock; log: Log; bounds?: Bounds }

export function createUsageRecorder({ database, clock, log, bounds }: UsageCaps): UsageRecorder {
  const buffer = createUsageBuffer(bounds)
  const batches = createBatches(createUsageWriter(database, buffer, log), { buffer, clock, log })
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()
  let busy = false

  async function write(all: boolean): Promise<void> {
    await batches.write(all)
    if (buffer.size() > 0) schedule()
  }

  function schedule(): void {
    const wait = clock.monotonic() - batches.flushedAt() < FLUSH_EVERY ? FLUSH_EVERY : FLUSH_SOON
    timer ??= setTimeout(() => {
      timer = undefined
      void enqueue(false)
    }, wait).unref()
  }

  function enqueue(all: boolean): Promise<void> {
    busy = true
    const own = writing
      .then(() => write(all))
      .then(() => {
        if (writing === own) busy = false
      })
    writing = own
    return own
  }

  const recorder: UsageRecorder = {
    note(keyId, address, permission) {
      buffer.note(keyId, clock.now(), address, permission)
      if (timer === undefined) schedule()
      if (!busy && !batches.failing() && buffer.size() >= FLUSH_AT) void recorder.flush()
    },
    flush: () => enqueue(true),
    async stop() {
      for (let tries = 0; tries < LAST_TRIES; tries += 1) {
        await recorder.flush()
        if (buffer.size() === 0) break
      }
      clearTimeout(timer)
      if (buffer.size() > 0) log.error({ keys: buffer.size() }, 'the last key usage could not be written and is lost')
    },
  }
  return recorder
}

type BatchCaps = { buffer: UsageBuffer; clock: Clock; log: Log }

/** What is due is written in transactions of `AT_ONCE` keys; a key that was written lately rests. */
function createBatches(writer: ReturnType<typeof createUsageWriter>, { buffer, clock, log }: BatchCaps) {
  let flushedAt = Number.NEGATIVE_INFINITY
  const writtenAt = new Map<string, number>()

  function isDue(keyId: string, now: number): boolean {
    const at = writtenAt.get(keyId)
    return at === undefined || now - at >= REST
  }

  async function write(all: boolean): Promise<void> {
    const now = clock.monotonic()
    const { uses, undetailedKeys, lostCalls } = buffer.take(all ? undefined : keyId => isDue(keyId, now))
    if (uses.length > 0) flushedAt = now
    if (writtenAt.size > MOST_RESTING) writtenAt.clear()
    for (const { keyId } of uses) writtenAt.set(keyId, now)
    if (undetailedKeys > 0 || lostCalls > 0) {
      log.warn({ undetailedKeys, lostCalls }, 'more keys were used than fit in memory; addresses or calls were dropped')
    }
    for (let start = 0; start < uses.length; start += AT_ONCE) {
      if (!(await writer.write(uses.slice(start, start + AT_ONCE)))) {
        buffer.putBack(uses.slice(start + AT_ONCE))
        break
      }
    }
  }

  return { write, flushedAt: () => flushedAt, failing: writer.failing }
}

/** Writes uses; what cannot be written goes back into the buffer. */
function createUsageWriter(database: Pick<Database, 'relaxed'>, buffer: UsageBuffer, log: Log) {
  let failing = false

  async function write(uses: readonly Use[]): Promise<boolean> {
    try {
      buffer.putBack(await database.relaxed(tx => addUsage(tx, uses)))
      if (failing) log.info({}, 'key usage is being written again')
      failing = false
      return true
    } catch (error) {
      if (!failing) log.error({ err: error }, 'key usage could not be written; keeping it for the next batch')
      failing = true
      buffer.putBack(uses)
      return false
    }
  }

  return { write, failing: () => failing }
}
