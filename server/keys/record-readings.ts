/** How often a record that changes during reads is read again before the result is returned. */
const MOST_READS = 3

/** Reads in progress. */
export type RecordReadings<Found> = {
  /** The latest read of a record, unless the record has changed since it began. */
  latest(id: string): { begunAt: number; answer: Promise<Found | undefined> } | undefined
  read(id: string): Promise<Found | undefined>
  /** A record has changed, or any may have: reads in progress are not kept, and later lookups do not share them. */
  outdate(id?: string): void
}

/** `stale`: the record has changed since the read began. */
type Reading<Found> = { id: string; begunAt: number; stale: boolean; answer: Promise<Found | undefined> }

/** `keep` receives the result of a read, undefined if there is no such record; not if the record changed in between. */
export function createRecordReadings<Found>(
  { load, elapsed }: { load(id: string): Promise<Found | undefined>; elapsed(): number },
  keep: (id: string, found: Found | undefined) => void,
): RecordReadings<Found> {
  const readings = new Set<Reading<Found>>()
  const latest = new Map<string, Reading<Found>>()

  async function finish(mine: Reading<Found>): Promise<Found | undefined> {
    for (let reads = 1; ; reads += 1) {
      mine.stale = false
      const found = await load(mine.id)
      if (mine.stale && reads < MOST_READS) continue
      if (!mine.stale) keep(mine.id, found)
      return found
    }
  }

  return {
    latest: id => latest.get(id),
    read(id) {
      const mine = { id, begunAt: elapsed(), stale: false } as Reading<Found>
      readings.add(mine)
      latest.set(id, mine)
      mine.answer = finish(mine).finally(() => {
        readings.delete(mine)
        if (latest.get(id) === mine) latest.delete(id)
      })
      return mine.answer
    },
    outdate(id) {
      for (const reading of readings) {
        if (id !== undefined && reading.id !== id) continue
        reading.stale = true
        if (latest.get(reading.id) === reading) latest.delete(reading.id)
      }
    },
  }
}
