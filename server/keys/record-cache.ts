/** Copies of records by id, bounded, for as long as their source lets them be trusted. */
export type RecordCache<Found> = {
  /** At once where a copy may be trusted, else as the source has it now; nothing where there is no such record. */
  lookup(id: string): Found | undefined | Promise<Found | undefined>
  /** The record has changed; a read that is under way is not kept. */
  forget(id: string): void
  /** Every record that this holds for has changed, and any that is being read may have. */
  forgetWhere(affected: (record: Found) => boolean): void
  forgetAll(): void
  readonly size: number
}

export type RecordSource<Found> = {
  load(id: string): Promise<Found | undefined>
  /** Whether copies may be trusted now. */
  trusted(): boolean
  /** Milliseconds, monotonic. */
  elapsed(): number
  /** How many records are kept at most. */
  most: number
  /** How many ids that name nothing are kept, and for how long. */
  mostUnknown: number
  unknownFor: number
}

/** Whoever comes later than this after a read began gets a read of their own: its answer must not be older. */
const SHARED_FOR = 20

type Reading<Found> = { found: Promise<Found | undefined>; begunAt: number }

/**
 * A cache in two halves: what is used moves to the young half, and when that is full the old half is dropped whole, so
 * that a use costs one look and the bound holds. Ids that name nothing have a small room of their own and never push a
 * record out.
 */
export function createRecordCache<Found extends object>(source: RecordSource<Found>): RecordCache<Found> {
  const half = Math.ceil(source.most / 2)
  let young = new Map<string, Found>()
  let old = new Map<string, Found>()
  let unknown = new Map<string, number>()
  let longUnknown = new Map<string, number>()
  const reading = new Map<string, Reading<Found>>()

  function keep(id: string, found: Found): void {
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    young.set(id, found)
  }

  function keepUnknown(id: string): void {
    if (unknown.size >= source.mostUnknown / 2) {
      longUnknown = unknown
      unknown = new Map()
    }
    unknown.set(id, source.elapsed() + source.unknownFor)
  }

  function copyOf(id: string): Found | undefined {
    const known = young.get(id)
    if (known) return known
    const aged = old.get(id)
    if (aged) {
      old.delete(id)
      keep(id, aged)
    }
    return aged
  }

  async function read(id: string): Promise<Found | undefined> {
    const mine: Reading<Found> = { found: source.load(id), begunAt: source.elapsed() }
    reading.set(id, mine)
    try {
      const found = await mine.found
      if (reading.get(id) === mine) {
        // nothing was heard of a change since the read began
        if (found) keep(id, found)
        else keepUnknown(id)
      }
      return found
    } finally {
      if (reading.get(id) === mine) reading.delete(id)
    }
  }

  return {
    lookup(id) {
      if (source.trusted()) {
        const copy = copyOf(id)
        if (copy) return copy
        const until = unknown.get(id) ?? longUnknown.get(id)
        if (until !== undefined && source.elapsed() < until) return undefined
      }
      const shared = reading.get(id)
      return shared && source.elapsed() - shared.begunAt < SHARED_FOR ? shared.found : read(id)
    },
    forget(id) {
      young.delete(id)
      old.delete(id)
      unknown.delete(id)
      longUnknown.delete(id)
      reading.delete(id)
    },
    forgetWhere(affected) {
      for (const records of [young, old]) {
        for (const [id, record] of records) if (affected(record)) records.delete(id)
      }
      reading.clear()
    },
    forgetAll() {
      young = new Map()
      old = new Map()
      unknown = new Map()
      longUnknown = new Map()
      reading.clear()
    },
    get size() {
      return young.size + old.size
    },
  }
}
