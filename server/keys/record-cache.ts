import { createBoundedMap } from './bounded-map.ts'
import { createRecordCopies, type Groups } from './record-copies.ts'
import { createRecordReadings } from './record-readings.ts'

/** A bounded cache of records by id, used while its source says that copies are fresh. */
export type RecordCache<Found> = {
  /** Synchronous if a fresh copy exists, else read from the source; undefined if there is no such record. */
  lookup(id: string): Found | undefined | Promise<Found | undefined>
  /** A record has changed; a read in progress is not cached. */
  forget(id: string): void
  /**
   * Every record of a group has changed, and any that is being read may have. The cost does not depend on the number of
   * copies.
   */
  forgetGroup(group: string): void
  forgetAll(): void
  readonly size: number
}

export type RecordSource<Found> = {
  load(id: string): Promise<Found | undefined>
  /** Whether copies are fresh now. */
  trusted(): boolean
  /** Milliseconds, monotonic. */
  elapsed(): number
  groups?: Groups<Found>
  /** The most cached records. */
  most: number
  /** The most unknown ids that are cached, and for how long. */
  mostUnknown: number
  unknownFor: number
}

/** Without trusted copies, a lookup later than this after a read began starts its own read. */
const SHARED_FOR = 20
/** Copies, unknown ids, and reads in progress. Unknown ids have their own bound, so that they displace no record. */
export function createRecordCache<Found extends object>(source: RecordSource<Found>): RecordCache<Found> {
  const copies = createRecordCopies(source.most, source.groups ?? [])
  const unknownUntil = createBoundedMap<number>(source.mostUnknown)
  const readings = createRecordReadings<Found>(source, (id, found) => {
    if (found) copies.keep(id, found)
    else unknownUntil.set(id, source.elapsed() + source.unknownFor)
  })

  return {
    lookup(id) {
      const trusted = source.trusted()
      if (trusted) {
        const copy = copies.find(id)
        if (copy) return copy
        const until = unknownUntil.peek(id)
        if (until !== undefined && source.elapsed() < until) return undefined
      }
      const shared = readings.latest(id)
      if (shared && (trusted || source.elapsed() - shared.begunAt < SHARED_FOR)) return shared.answer
      return readings.read(id)
    },
    forget(id) {
      copies.forget(id)
      unknownUntil.delete(id)
      readings.outdate(id)
    },
    forgetGroup(group) {
      copies.forgetGroup(group)
      readings.outdate()
    },
    forgetAll() {
      copies.forgetAll()
      unknownUntil.clear()
      readings.outdate()
    },
    get size() {
      return copies.size()
    },
  }
}
