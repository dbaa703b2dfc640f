import type { Database, Tx } from '../../db/connect.ts'
import { type Clock, DAY, HOUR, SECOND } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { addUsage, listAddresses, sumCalls } from './usage-store.ts'

/** Gathers in memory what keys do and writes it in batches: verification itself never writes. */
export type UsageRecorder = {
  /** A key was verified; `address` is whose call it was, where the resource server says so. */
  note(keyId: string, address: string | undefined): void
  /** Writes what was gathered. A batch that cannot be written is kept for the next time. */
  flush(): Promise<void>
  /** Writes the last batch; nothing is lost at an orderly stop. */
  stop(): Promise<void>
}

const FLUSH_EVERY = SECOND
/** Of one key between two batches; more are counted but not named. */
const MOST_ADDRESSES = 20

type Gathered = { lastAt: number; hours: Map<number, number>; addresses: Map<string, number> }

export function createUsageRecorder({
  database,
  clock,
  log,
}: {
  database: Database
  clock: Clock
  log: Log
}): UsageRecorder {
  let gathered = new Map<string, Gathered>()
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()

  async function write(): Promise<void> {
    if (gathered.size === 0) return
    const batch = gathered
    gathered = new Map()
    try {
      await database.transaction(tx =>
        addUsage(
          tx,
          [...batch].map(([keyId, usage]) => ({ keyId, ...usage })),
        ),
      )
    } catch (error) {
      log.error({ err: error, keys: batch.size }, 'what keys did could not be written; it is kept for the next batch')
      for (const [keyId, usage] of batch) merge(gathered, keyId, usage)
    }
  }

  const recorder: UsageRecorder = {
    note(keyId, address) {
      const at = clock.now()
      const addresses = new Map(address === undefined ? [] : [[address, at]])
      merge(gathered, keyId, { lastAt: at, hours: new Map([[at - (at % HOUR), 1]]), addresses })
      timer ??= setTimeout(() => {
        timer = undefined
        void recorder.flush()
      }, FLUSH_EVERY).unref()
    },
    flush() {
      writing = writing.then(write)
      return writing
    },
    async stop() {
      clearTimeout(timer)
      await recorder.flush()
    },
  }
  return recorder
}

function merge(into: Map<string, Gathered>, keyId: string, { lastAt, hours, addresses }: Gathered): void {
  const known = into.get(keyId)
  if (!known) {
    into.set(keyId, { lastAt, hours, addresses })
    return
  }
  known.lastAt = Math.max(known.lastAt, lastAt)
  for (const [hour, calls] of hours) known.hours.set(hour, (known.hours.get(hour) ?? 0) + calls)
  for (const [address, at] of addresses) {
    if (known.addresses.has(address) || known.addresses.size < MOST_ADDRESSES) known.addresses.set(address, at)
  }
}

/** What a key did lately, as the uninstall question shows it. */
export type KeyUse = { calls24h: number; calls7d: number; addresses: string[] }

/** Uses of the last 24 hours and 7 days by whole hours, and the addresses of the last 7 days, the latest first. */
export async function readUse(tx: Tx, keyIds: readonly string[], at: number): Promise<(keyId: string) => KeyUse> {
  const [day, week] = [await sumCalls(tx, keyIds, at - DAY), await sumCalls(tx, keyIds, at - 7 * DAY)]
  const addresses = await listAddresses(tx, keyIds, at - 7 * DAY)
  return keyId => ({
    calls24h: day.get(keyId) ?? 0,
    calls7d: week.get(keyId) ?? 0,
    addresses: addresses.filter(row => row.key_id === keyId).map(row => row.address),
  })
}
