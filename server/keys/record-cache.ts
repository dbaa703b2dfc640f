/** Copies of records by id, bounded, for as long as their source lets them be trusted. */
export type RecordCache<Found> = {
  /** At once where a copy may be trusted, else as the source has it now; nothing if there is no such record. */
  lookup(id: string): Found | undefined | Promise<Found | undefined>
  /** The record has changed; a read that is under way is not kept. */
  forget(id: string): void
  /** Every record of a group has changed, and any that is being read may have. It costs the same however many are kept. */
  forgetGroup(group: string): void
  forgetAll(): void
  readonly size: number
}

export type RecordSource<Found> = {
  load(id: string): Promise<Found | undefined>
  /** Whether copies may be trusted now. */
  trusted(): boolean
  /** Milliseconds, monotonic. */
  elapsed(): number
  /** The groups of a record, whose names are never the same; null: it is in none of that kind. */
  groups?: readonly ((record: Found) => string | null)[]
  /** How many records are kept at most. */
  most: number
  /** How many ids that name nothing are kept, and for how long. */
  mostUnknown: number
  unknownFor: number
}

/** Where copies are not trusted, whoever comes later than this after a read began gets one of their own. */
const SHARED_FOR = 20
/** How often a record that changes while it is read is read again, before what was found is answered. */
const MOST_READS = 3

/** So many changed groups are remembered before all copies are gone through. */
const MOST_CHANGED = 10_000

/** A record as it was after so many changes of groups. */
type Copy<Found> = { found: Found; keptAt: number }

/** `stale`: the record has changed since the read began. */
type Reading<Found> = { id: string; begunAt: number; stale: boolean; answer: Promise<Found | undefined> }

/**
 * A cache in two halves: what is used moves to the young half, and when that is full the old half is dropped whole, so
 * that a use costs one look and the bound holds. Ids that name nothing have a small room of their own and never push a
 * record out.
 */
export function createRecordCache<Found extends object>(source: RecordSource<Found>): RecordCache<Found> {
  const half = Math.ceil(source.most / 2)
  let young = new Map<string, Copy<Found>>()
  let old = new Map<string, Copy<Found>>()
  let changes = 0
  const changedAt = new Map<string, number>()
  let unknown = new Map<string, number>()
  let longUnknown = new Map<string, number>()
  const readings = new Set<Reading<Found>>()
  const latest = new Map<string, Reading<Found>>()

  function keep(id: string, copy: Copy<Found>): void {
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    young.set(id, copy)
  }

  function isOutdated({ found, keptAt }: Copy<Found>): boolean {
    if (keptAt === changes || changedAt.size === 0) return false
    for (const groupOf of source.groups ?? []) {
      const group = groupOf(found)
      if (group !== null && (changedAt.get(group) ?? 0) > keptAt) return true
    }
    return false
  }

  function dropOutdated(): void {
    for (const copies of [young, old]) {
      for (const [id, copy] of copies) if (isOutdated(copy)) copies.delete(id)
    }
    changedAt.clear()
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
    const copy = known ?? old.get(id)
    if (!copy) return undefined
    if (isOutdated(copy)) {
      young.delete(id)
      old.delete(id)
      return undefined
    }
    if (!known) {
      old.delete(id)
      keep(id, copy)
    }
    return copy.found
  }

  function read(id: string): Promise<Found | undefined> {
    const mine = { id, begunAt: source.elapsed(), stale: false } as Reading<Found>
    readings.add(mine)
    latest.set(id, mine)
    mine.answer = finish(mine).finally(() => {
      readings.delete(mine)
      if (latest.get(id) === mine) latest.delete(id)
    })
    return mine.answer
  }

  async function finish(mine: Reading<Found>): Promise<Found | undefined> {
    for (let reads = 1; ; reads += 1) {
      mine.stale = false
      const found = await source.load(mine.id)
      if (mine.stale && reads < MOST_READS) continue
      if (!mine.stale && found) keep(mine.id, { found, keptAt: changes })
      else if (!mine.stale) keepUnknown(mine.id)
      return found
    }
  }

  /** What is being read now was asked for before a change: it is not kept, and nobody who asks later gets it. */
  function outdate(affected: (reading: Reading<Found>) => boolean): void {
    for (const reading of readings) {
      if (!affected(reading)) continue
      reading.stale = true
      if (latest.get(reading.id) === reading) latest.delete(reading.id)
    }
  }

  return {
    lookup(id) {
      const trusted = source.trusted()
      if (trusted) {
        const copy = copyOf(id)
        if (copy) return copy
        const until = unknown.get(id) ?? longUnknown.get(id)
        if (until !== undefined && source.elapsed() < until) return undefined
      }
      const shared = latest.get(id)
      if (shared && (trusted || source.elapsed() - shared.begunAt < SHARED_FOR)) return shared.answer
      return read(id)
    },
    forget(id) {
      young.delete(id)
      old.delete(id)
      unknown.delete(id)
      longUnknown.delete(id)
      outdate(reading => reading.id === id)
    },
    forgetGroup(group) {
      changes += 1
      changedAt.set(group, changes)
      if (changedAt.size > MOST_CHANGED) dropOutdated()
      outdate(() => true)
    },
    forgetAll() {
      young = new Map()
      old = new Map()
      unknown = new Map()
      longUnknown = new Map()
      changedAt.clear()
      outdate(() => true)
    },
    get size() {
      dropOutdated()
      return young.size + old.size
    },
  }
}
